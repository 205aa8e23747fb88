import { chmod } from 'node:fs/promises'
import {
  isInstalled,
  listenOnLoopback,
  makeCa,
  makeCertificate,
  makeSwtpm,
  startRedis,
  temporaryFolder,
  type Certificate,
  type RedisServer,
} from '@nomyo-internal/testing'
import { createServer } from 'node:net'
import { createQuoter, Tpm } from '@nomyo/tpm'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTlsUpstream } from '../tls-upstream.js'
import { temporaryFile } from '../support.js'
import { diagnose, statusesOf, textOf } from './diagnose.js'

/** Rights that the gateway needs, beside the one to read `maxmemory-policy`. */
const RIGHTS = ['+ping', '+set', '+get', '+incrby', '+pttl', '+pexpire', '+eval']
const DEMO = ['--engine', 'demo', '--port', '0']
const folder = temporaryFolder()

describe.skipIf(!isInstalled('openssl'))('TLS', () => {
  if (!isInstalled('openssl')) return
  const ca = makeCa(folder, 'ca')
  const make = (name: string, days: number): Certificate =>
    makeCertificate(folder, name, { ca, for: 'IP:127.0.0.1', days })
  const look = ({ cert, key }: Certificate) =>
    diagnose([...DEMO, '--tls-cert', cert, '--tls-key', key])

  it('is fine with a certificate that lasts, and its names are shown', async () => {
    const diagnosis = await look(make('lasting', 60))
    expect(statusesOf(diagnosis, 'TLS')).toEqual(['ok'])
    expect(textOf(diagnosis, 'TLS')).toContain('127.0.0.1')
  })

  it('tells certificates that end soon, have ended, or are of another key', async () => {
    const [soon, gone] = [make('soon', 10), make('gone', -1)]
    expect(statusesOf(await look(soon), 'TLS')).toEqual(['warning'])
    const ended = await look(gone)
    expect(statusesOf(ended, 'TLS')).toEqual(['problem'])
    expect(ended.exitCode).toBe(1)
    expect(statusesOf(await look({ cert: soon.cert, key: gone.key }), 'TLS')).toEqual(['problem'])
    await chmod(soon.key, 0o644)
    expect(statusesOf(await look(soon), 'TLS')).toEqual(['warning', 'problem'])
  })

  it('of an upstream is trusted with its CA only, and for its name only', async () => {
    const [local, named] = [
      make('local', 60),
      makeCertificate(folder, 'named', { ca, for: 'DNS:gpu.example' }),
    ]
    const upstreams = [await startTlsUpstream(local), await startTlsUpstream(named)] as const
    onTestFinished(() => upstreams.forEach(({ stop }) => stop()))
    const [url, otherUrl] = upstreams.map(({ port }) => `https://127.0.0.1:${port}/v1`)
    const lookAt = (args: readonly (string | undefined)[]) =>
      diagnose(['--port', '0', '--upstream', ...args.map(String)])
    const well = await lookAt([url, '--upstream-ca', ca.cert])
    expect(statusesOf(well, 'upstreams')).toEqual(['ok'])
    expect(well.findings.find(({ check }) => check === 'upstreams')?.ms).toBeTypeOf('number')
    const untrusted = await lookAt([url])
    expect(statusesOf(untrusted, 'upstreams')).toEqual(['problem'])
    expect(textOf(untrusted, 'upstreams')).toContain('--upstream-ca')
    const misnamed = await lookAt([otherUrl, '--upstream-ca', ca.cert])
    expect(statusesOf(misnamed, 'upstreams')).toEqual(['problem'])
    expect(textOf(misnamed, 'upstreams')).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
    const unread = await lookAt([url, '--upstream-ca', ca.key])
    expect(statusesOf(unread, 'upstreams')).toEqual(['problem'])
  })
})

describe.skipIf(!isInstalled('redis-server'))('Redis', () => {
  async function started(): Promise<{ redis: RedisServer; admin: Redis }> {
    const redis = await startRedis()
    const admin = new Redis(redis.url)
    admin.on('error', () => undefined)
    onTestFinished(async () => {
      admin.disconnect()
      await redis.stop()
    })
    return { redis, admin }
  }
  const look = (url: string, more: readonly string[] = []) =>
    diagnose([...DEMO, ...more], { NOMYO_REDIS: url })

  it('that stores data is fine, and keeps nothing of the doctor', async () => {
    const { redis, admin } = await started()
    const diagnosis = await look(redis.url)
    expect(statusesOf(diagnosis, 'Redis')).toEqual(['ok', 'ok'])
    expect(diagnosis.findings.find(({ check }) => check === 'Redis')?.ms).toBeTypeOf('number')
    expect(await admin.keys('*')).toEqual([])
  })

  it('that forgets on its own is a problem, and one that does not say so a warning', async () => {
    const { redis, admin } = await started()
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(statusesOf(await look(redis.url), 'Redis')).toEqual(['ok', 'problem'])
    await admin.acl('SETUSER', 'few', 'on', '>canary', '~nomyo:*', ...RIGHTS)
    const few = await look(redis.url.replace('//', '//few:canary@'))
    expect(statusesOf(few, 'Redis')).toEqual(['ok', 'warning'])
  })

  it('that refuses is a problem, and its password stays untold', async () => {
    const { redis, admin } = await started()
    await admin.config('SET', 'requirepass', 'right-canary')
    for (const user of ['', ':wrong-canary@', 'stranger:wrong-canary@']) {
      const diagnosis = await look(redis.url.replace('//', `//${user}`))
      expect(statusesOf(diagnosis, 'Redis')).toEqual(['problem'])
      expect(textOf(diagnosis, 'Redis')).toMatch(/NOAUTH|WRONGPASS/)
      expect(diagnosis.text).not.toContain('canary')
    }
    const right = await look(redis.url.replace('//', '//:right-canary@'))
    expect(statusesOf(right, 'Redis')).toEqual(['ok', 'ok'])
    expect(right.text).not.toContain('canary')
  })

  it.each([
    ['a replica', 'READONLY', ['REPLICAOF', '127.0.0.1', '1']],
    ['a full one', 'OOM', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['too few replicas', 'NOREPLICAS', ['CONFIG', 'SET', 'min-replicas-to-write', '1']],
  ])('that refuses to write is a problem: %s', async (_what, code, [command, ...args]) => {
    const { redis, admin } = await started()
    await admin.call(command!, ...args)
    const diagnosis = await look(redis.url)
    expect(statusesOf(diagnosis, 'Redis')).toEqual(['problem'])
    expect(textOf(diagnosis, 'Redis')).toContain(`(${code})`)
    const degrading = await look(redis.url, ['--redis-failure', 'degrade'])
    expect(statusesOf(degrading, 'Redis')).toEqual(['warning'])
  })

  it('names the rights that its user lacks', async () => {
    const { redis, admin } = await started()
    const url = redis.url.replace('//', '//few:canary@')
    for (const right of RIGHTS.filter((known) => known !== '+ping')) {
      const rights = RIGHTS.filter((known) => known !== right)
      await admin.acl('SETUSER', 'few', 'reset', 'on', '>canary', '~nomyo:*', ...rights)
      const diagnosis = await look(url)
      expect(statusesOf(diagnosis, 'Redis')).toEqual(['problem', 'warning'])
      const name = right.slice(1).toUpperCase()
      expect(textOf(diagnosis, 'Redis')).toContain(`(NOPERM, without the right to ${name})`)
    }
    await admin.acl('SETUSER', 'few', 'reset', 'on', '>canary', '~other:*', ...RIGHTS)
    expect(textOf(await look(url), 'Redis')).toContain('NOPERM')
  })

  it('that hangs, or speaks TLS only, is a problem', async () => {
    const { redis } = await started()
    redis.signal('SIGSTOP')
    const hung = await look(redis.url)
    redis.signal('SIGCONT')
    expect(statusesOf(hung, 'Redis')).toEqual(['problem'])
    expect(textOf(hung, 'Redis')).toContain('(TIMEOUT)')
    const closing = createServer((socket) => socket.once('data', () => socket.destroy()))
    const port = await listenOnLoopback(closing)
    onTestFinished(() => void closing.close())
    const closed = await look(`redis://127.0.0.1:${port}`)
    expect(textOf(closed, 'Redis')).toMatch(/\((?:CLOSED|ECONNRESET)\)[^]*rediss:/)
  })

  it('that is unavailable is a problem where requests would be refused', async () => {
    const { redis } = await started()
    await redis.stop()
    expect(statusesOf(await look(redis.url), 'Redis')).toEqual(['problem'])
    const degraded = await look(redis.url, ['--redis-failure', 'degrade'])
    expect(statusesOf(degraded, 'Redis')).toEqual(['warning'])
  })
})

describe.skipIf(!isInstalled('swtpm'))('a TPM', () => {
  async function started(banks?: string): Promise<string> {
    const swtpm = makeSwtpm(banks === undefined ? {} : { banks })
    await swtpm.start()
    onTestFinished(() => swtpm.stop())
    return swtpm.address
  }
  const look = (address: string, more: readonly string[] = []) =>
    diagnose([...DEMO, '--tpm', address, ...more])

  it('gets no key from the doctor, and quotes with the one it has', async () => {
    const address = await started()
    for (let count = 0; count < 2; count++) {
      const before = await look(address)
      expect(statusesOf(before, 'TPM')).toEqual(['ok'])
      expect(textOf(before, 'TPM')).not.toMatch(/000b[0-9a-f]{64}/)
    }
    const tpm = new Tpm(address)
    const { akName } = await createQuoter({ tpm, pcrs: 'sha256:0' })
    await tpm.close()
    const after = await look(address)
    expect(statusesOf(after, 'TPM')).toEqual(['ok'])
    expect(textOf(after, 'TPM')).toContain(Buffer.from(akName).toString('hex'))
    const ephemeral = await look(address, ['--tpm-ak', 'ephemeral'])
    expect(statusesOf(ephemeral, 'TPM')).toEqual(['ok'])
  })

  it('without the PCRs, or that is not there, is a problem', async () => {
    const address = await started('sha256')
    for (const ak of ['persistent', 'ephemeral']) {
      const diagnosis = await look(address, ['--pcrs', 'sha384:0', '--tpm-ak', ak])
      expect(statusesOf(diagnosis, 'TPM')).toEqual(['problem'])
      expect(textOf(diagnosis, 'TPM')).toContain('ERR_TPM_PCRS')
    }
    const gone = await look('unix:///nowhere/socket')
    expect(statusesOf(gone, 'TPM')).toEqual(['problem'])
    expect(textOf(gone, 'TPM')).toContain('tss')
    expect(gone.exitCode).toBe(1)
  })
})

describe('no TPM', () => {
  it('is warned about where a tier requires attestation', async () => {
    const tiers = 'tiers: { high: { requireAttestation: true } }'
    const config = temporaryFile(`engine: demo\nport: 0\n${tiers}\n`)
    expect(statusesOf(await diagnose(['--config', config]), 'TPM')).toEqual(['warning'])
  })
})
