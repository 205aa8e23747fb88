import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { importPublicKey } from '@nomyo/crypto'
import { loadKeyPair } from '@nomyo/crypto/keys/node'
import { shared, startServer, stopAfterTest } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { Home, startGateway } from './support.js'

const mode = (path: string): number => statSync(path).mode & 0o777

describe('nomyo keys', () => {
  it('generates a pair, shows its public facts, and never overwrites it', async () => {
    const home = new Home()
    const dir = join(home.path, '.nomyo', 'keys')
    const made = await home.run(['keys', 'generate'])
    expect(made.code).toBe(0)
    const fingerprint = made.stdout.trim()
    expect([mode(dir), mode(join(dir, 'private_key.pem'))]).toEqual([0o700, 0o600])
    expect((await loadKeyPair(dir)).publicKey.fingerprint).toBe(fingerprint)
    const before = readFileSync(join(dir, 'private_key.pem'), 'utf8')
    expect((await home.run(['keys', 'generate'])).code).toBe(1)
    expect(readFileSync(join(dir, 'private_key.pem'), 'utf8')).toBe(before)

    const shown = await home.run(['keys', 'show', '--json'])
    expect(JSON.parse(shown.stdout)).toMatchObject({
      fingerprint,
      bits: 4096,
      encrypted: false,
      warnings: [],
    })
    expect(shown.stdout).not.toContain('PRIVATE KEY')
    for (const name of ['private_key.pem', 'public_key.pem']) {
      const one = await home.run(['keys', 'fingerprint', join(dir, name)])
      expect(one).toMatchObject({ code: 0, stdout: `${fingerprint}\n` })
    }
    chmodSync(join(dir, 'private_key.pem'), 0o644)
    expect((await home.run(['keys', 'show'])).stdout).toContain('warning')
  })

  it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
    const home = new Home()
    const dir = join(home.work, 'pipes')
    mkdirSync(dir)
    execFileSync('mkfifo', [join(dir, 'private_key.pem')])
    expect((await home.run(['keys', 'fingerprint', join(dir, 'private_key.pem')])).code).toBe(1)
    for (const command of ['show', 'rotate']) {
      expect((await home.run(['keys', command, '--dir', dir])).code, command).toBe(1)
    }
  })

  it('encrypts with a password, and sets the old pair aside on rotation', async () => {
    const home = new Home()
    const password = ['--password-file', home.file('password', 'a secret\n')]
    const wrong = ['--password-file', home.file('wrong', 'something else')]
    const dir = join(home.work, 'keys')
    const at = ['--dir', dir]
    const old = (await home.run(['keys', 'generate', ...at, ...password])).stdout.trim()
    expect(readFileSync(join(dir, 'private_key.pem'), 'utf8')).toContain('ENCRYPTED')
    expect((await home.run(['keys', 'show', ...at])).stdout).toContain(old)
    expect((await home.run(['keys', 'show', ...at, ...wrong])).code).toBe(1)
    // Without the password the new key would be in the clear, with a wrong one it could not be decrypted.
    expect((await home.run(['keys', 'rotate', ...at])).code).toBe(2)
    expect((await home.run(['keys', 'rotate', ...at, ...wrong])).code).toBe(1)
    expect((await loadKeyPair(dir, { password: 'a secret' })).publicKey.fingerprint).toBe(old)

    const rotated = await home.run(['keys', 'rotate', ...at, ...password, '--json'])
    const { fingerprint, asideDir, ...rest } = JSON.parse(rotated.stdout)
    expect(rest).toEqual({ old })
    expect(fingerprint).not.toBe(old)
    for (const [folder, expected] of [
      [dir, fingerprint],
      [asideDir, old],
    ]) {
      const pair = await loadKeyPair(folder, { password: 'a secret' })
      expect(pair.publicKey.fingerprint).toBe(expected)
      expect(mode(join(folder, 'private_key.pem'))).toBe(0o600)
    }
    expect(readdirSync(dir).sort()).toEqual([
      asideDir.split('/').at(-1),
      'private_key.pem',
      'public_key.pem',
    ])
  })

  it.each([[['show']], [['rotate']], [['fingerprint', 'absent']]])(
    'fails without a key: %j',
    async (args) => {
      const { code, stdout } = await new Home().run(['keys', ...args])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    },
  )
})

describe('nomyo servers', () => {
  const gateway = shared(() => startGateway())

  it('lists, trusts and forgets', async () => {
    const home = new Home()
    const asked = ['keys', 'fingerprint', '--gateway', `${gateway().url}/`, '--allow-http']
    const { fingerprint: serverKey, identities } = JSON.parse(
      (await home.run([...asked, '--json'])).stdout,
    )
    const [fingerprint] = identities
    expect(fingerprint).not.toBe(serverKey)
    expect((await home.run(asked)).stdout).toBe(
      `${serverKey}  server key, for wire 1\n${fingerprint}  identity key, for wire 2\n`,
    )
    const trust = ['servers', 'trust', `${gateway().url}/`, '--allow-http']
    const list = async () => JSON.parse((await home.run(['servers', 'list', '--json'])).stdout)
    expect((await home.run(trust)).code).toBe(2)
    expect((await home.run([...trust, '--fingerprint', `sha256/${'A'.repeat(43)}=`])).code).toBe(3)
    expect((await home.run([...trust, '--fingerprint', 'sha256/short'])).code).toBe(2)
    expect((await home.run(trust.slice(0, -1))).code).toBe(2)
    expect(await list()).toEqual([])
    const done = await home.run([...trust, '--fingerprint', fingerprint, '--json'])
    expect(JSON.parse(done.stdout)).toEqual({
      server: gateway().url,
      fingerprint,
      wire: 2,
      status: 'trusted',
    })
    expect((await home.run([...trust, '--yes'])).stdout).toContain('known')
    const server = gateway().url
    expect(await list()).toMatchObject([
      { server, fingerprint, wire: 2 },
      { server, fingerprint: serverKey },
    ])
    expect((await home.run(['servers', 'forget', gateway().url])).code).toBe(0)
    expect((await home.run(['servers', 'forget', gateway().url])).code).toBe(1)
    expect((await home.run([...trust, '--yes'])).code).toBe(0)
  })

  it('trusts the server key of wire 1 where that is named', async () => {
    const home = new Home()
    const asked = ['keys', 'fingerprint', '--gateway', gateway().url, '--allow-http', '--json']
    const { fingerprint } = JSON.parse((await home.run(asked)).stdout)
    const trust = ['servers', 'trust', gateway().url, '--allow-http', '--fingerprint', fingerprint]
    expect(JSON.parse((await home.run([...trust, '--json'])).stdout)).toMatchObject({ wire: 1 })
    const { stdout } = await home.run(['servers', 'list'])
    expect(stdout).toMatch(/ \d{4}-\d\d-\d\d\n$/)
  })

  it('prints the key statement of known servers, and stops at one that is not known', async () => {
    const home = new Home()
    const online = (...args: string[]) =>
      home.run(['servers', 'list', '--online', '--allow-http', ...args])
    await home.run(['servers', 'trust', gateway().url, '--allow-http', '--yes'])
    const known = await online()
    expect(known.code).toBe(0)
    expect(known.stdout).toMatch(/ {2}wire 2$/m)
    expect(known.stdout).toMatch(/^ {2}Wire 2: key statement [0-9a-f]{64}$/m)
    expect(known.stdout).toMatch(/^ {2}known$/m)
    const [entry] = JSON.parse((await online('--json')).stdout)
    expect(entry.now).toMatchObject({ wire: 2, known: true })
    const other = `${gateway().url} sha256/${'A'.repeat(43)}=`
    const changed = await online('--known-servers', home.file('other', `${other}\n`))
    expect([changed.code, changed.stdout]).toEqual([3, expect.stringContaining('NOT known')])
  })

  it.each([
    ['offers no wire 2 any more', 404, 3, 'clients refuse it'],
    ['does not answer', 503, 1, 'ERR_UNAVAILABLE'],
  ])('reports a known server that %s', async (_, status, code, text) => {
    const home = new Home()
    const { url } = stopAfterTest(
      await startServer((request, response) => {
        if (request.url === '/pki/wire2') response.writeHead(status).end()
        else response.end(keyPem('keys/server.public.pem'))
      }),
    )
    const { fingerprint } = await importPublicKey(keyPem('keys/server.public.pem'))
    const other = `${url} sha256/${'A'.repeat(43)}= 2026-11-28 wire=2\n`
    const lines = `${other}${url} ${fingerprint} 2026-11-28\n`
    const known = ['--known-servers', home.file('known', lines)]
    const listed = await home.run(['servers', 'list', '--online', '--allow-http', ...known])
    expect(listed.stdout).toContain(text)
    expect(listed.code).toBe(code)
  })

  it('adds a second key only when it is named', async () => {
    const home = new Home()
    const known = [
      '--known-servers',
      home.file('known', `${gateway().url} sha256/${'A'.repeat(43)}=\n`),
    ]
    const trust = ['servers', 'trust', gateway().url, '--allow-http', ...known]
    expect((await home.run([...trust, '--yes'])).code).toBe(3)
    const asked = ['keys', 'fingerprint', '--gateway', gateway().url, '--allow-http', '--json']
    const { fingerprint } = JSON.parse((await home.run(asked)).stdout)
    expect((await home.run([...trust, '--fingerprint', fingerprint])).code).toBe(0)
    expect(
      JSON.parse((await home.run(['servers', 'list', '--json', ...known])).stdout),
    ).toHaveLength(2)
  })

  it('stops at a file that cannot be read', async () => {
    const home = new Home()
    const known = ['--known-servers', home.file('known', 'nonsense')]
    expect((await home.run(['servers', 'list', ...known])).code).toBe(1)
    expect((await home.run(['servers', 'forget', gateway().url, ...known])).code).toBe(1)
  })
})
