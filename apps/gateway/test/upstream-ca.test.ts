import { UsageError } from '@nomyo-internal/command-line'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeCa, makeCertificate, temporaryFolder } from '@nomyo-internal/testing'
import { noAttestor } from '../src/attestation/attestor.js'
import { GatewayError } from '../src/errors.js'
import { silentLogger } from '../src/observability/log.js'
import { readCaFile } from '../src/upstreams/server/ca-file.js'
import { planUpstreams } from '../src/upstreams/pool/plan-upstreams.js'
import { UpstreamPool } from '../src/upstreams/pool/pool.js'
import type { UpstreamConfig } from '../src/upstreams/pool/upstream.js'
import { SECURITY_TIERS, TierPolicy, type PolicyConfig } from '../src/access/policy/tier-policy.js'
import { listenInProcess } from './in-process.js'
import {
  chat,
  failureOf,
  post,
  readConfig,
  runCommand,
  seal,
  temporaryFile,
  testModelServer,
} from './support.js'
import { startTlsUpstream } from './tls-upstream.js'

const folder = temporaryFolder()

/** The status of a request that a gateway before these upstreams was asked. */
async function ask(
  upstreams: readonly UpstreamConfig[],
  { tier = 'standard', tiers }: { tier?: string; tiers?: PolicyConfig['tiers'] } = {},
): Promise<number> {
  const policy = tiers && new TierPolicy({ tiers })
  const engine = new UpstreamPool(
    planUpstreams({ kind: 'upstreams', upstreams }, policy, silentLogger),
  )
  const { server, url } = await listenInProcess({ engine, attestor: noAttestor, policy })
  onTestFinished(async () => {
    await server.close()
    await engine.close()
  })
  const answer = await post({ url }, await seal(chat('Hi', { model: 'm' })), {
    'x-security-tier': tier,
  })
  return answer.status
}

describe.skipIf(!isInstalled('openssl'))('a CA of an upstream', () => {
  if (!isInstalled('openssl')) return
  const [ca, other] = [makeCa(folder, 'ca'), makeCa(folder, 'other-ca')]
  const local = makeCertificate(folder, 'local', { ca, for: 'IP:127.0.0.1' })
  const named = makeCertificate(folder, 'named', { ca, for: 'DNS:gpu.example' })

  async function upstream(files = local) {
    const started = await startTlsUpstream(files)
    onTestFinished(started.stop)
    return { ...started, name: 'tls', url: `https://127.0.0.1:${started.port}/v1` }
  }

  it('lets its certificates pass, and is needed for that', async () => {
    const server = await upstream()
    expect(await ask([{ ...server, caFile: ca.cert }])).toBe(200)
    expect(await ask([server])).toBe(503)
    expect(await ask([{ ...server, caFile: other.cert }])).toBe(503)
    expect(server.completions()).toBe(1)
  })

  it('is one of several in a file', async () => {
    const both = temporaryFile([other.cert, ca.cert].flatMap(readCaFile).join('\n'))
    expect(await ask([{ ...(await upstream()), caFile: both }])).toBe(200)
  })

  it('does not let a certificate of another name pass', async () => {
    const server = await upstream(named)
    expect(await ask([{ ...server, caFile: ca.cert }])).toBe(503)
    expect(server.completions()).toBe(0)
  })

  it('holds for its upstream and for no other', async () => {
    const [with_, without] = [await upstream(), await upstream()]
    const upstreams = [
      { ...without, name: 'without' },
      { ...with_, caFile: ca.cert },
    ]
    for (let count = 0; count < 4; count++) expect(await ask(upstreams)).toBe(200)
    expect([with_.completions(), without.completions()]).toEqual([4, 0])
  })

  it('meets a tier that requires TLS, where a server without TLS is not asked', async () => {
    const plain = await testModelServer()
    // An address that is not known to be of this machine, and leads to it.
    const far = { name: 'plain', url: plain.url.replace('127.0.0.1', '0.0.0.0') }
    const server = await upstream()
    const upstreams = [
      { ...far, tiers: SECURITY_TIERS },
      { ...server, caFile: ca.cert, tiers: SECURITY_TIERS },
    ]
    const tiers = { standard: {}, high: { requireUpstreamTls: true } }
    expect(await ask(upstreams, { tiers })).toBe(200)
    expect(plain.seen).toHaveLength(1)
    for (let count = 0; count < 3; count++) {
      expect(await ask(upstreams, { tiers, tier: 'high' })).toBe(200)
    }
    expect(plain.seen).toHaveLength(1)
    expect(server.completions()).toBe(3)
    const untrusted = upstreams.map((given) => ({ ...given, caFile: undefined }))
    expect(await ask(untrusted, { tiers, tier: 'high' })).toBe(503)
    expect(plain.seen).toHaveLength(1)
  })

  it('is for all of --upstream, and for each of a file', async () => {
    const args = ['--upstream', 'https://a.example/v1', '--upstream-ca', ca.cert]
    expect(readConfig(args)).toMatchObject({ engine: { caFile: ca.cert } })
    const more = [...args, '--upstream', 'https://b.example/v1']
    expect(readConfig(more)).toMatchObject({
      engine: { upstreams: [{ caFile: ca.cert }, { caFile: ca.cert }] },
    })
    const file = (url: string): string =>
      temporaryFile(`upstreams: [{ name: a, url: '${url}', caFile: ${ca.cert} }]\n`)
    const config = file('https://a.example/v1')
    expect(readConfig(['--config', config])).toMatchObject({
      engine: { upstreams: [{ caFile: ca.cert }] },
    })
    const mixed = ['--config', config, '--upstream-ca', ca.cert]
    expect(() => readConfig(mixed)).toThrow(UsageError)
    expect(() => readConfig(['--config', file('http://a.example/v1')])).toThrow(UsageError)
  })

  it('that cannot be used keeps the gateway from starting', async () => {
    const broken = temporaryFile('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    for (const path of [join(folder, 'none.pem'), broken, ca.key]) {
      expect(() => readCaFile(path)).toThrow(GatewayError)
      const args = ['--upstream', 'https://127.0.0.1:1/v1', '--upstream-ca', path, '--port', '0']
      const failure = failureOf(await runCommand(args))
      expect(failure).toContain(`${path} `)
      expect(failure).toContain('(ERR_CA_FILE)')
    }
  })
})

it('has no meaning without TLS', () => {
  const args = ['--upstream', 'http://127.0.0.1:1/v1', '--upstream-ca', 'ca.pem']
  expect(() => readConfig(args)).toThrow(UsageError)
})
