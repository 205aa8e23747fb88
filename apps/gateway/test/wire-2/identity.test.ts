import { chmod, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeIdentityKey, loadIdentityKey } from '@nomyo/crypto/keys/node'
import { generateIdentityKey, parseKeyStatement } from '@nomyo/crypto/wire-2'
import { until } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  failureOf,
  get,
  runCommand,
  send,
  serverKeys,
  temporaryFile,
  testGateway,
  testKeyDir,
  useFakeClock,
} from '../support.js'

const PASSWORD = 'correct horse battery staple'
const FILE = 'identity_key.pem'

/** The fingerprints of the identity keys that signed the statement. */
const signersOf = async (gateway: { readonly url: string }): Promise<readonly string[]> => {
  const { bytes } = await get(gateway, '/pki/wire2')
  return (await parseKeyStatement(bytes, { now: Date.now() / 1000 })).identities
}

describe('an identity key', () => {
  it('is created beside an RSA key that exists, for the owner only, and stays', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const gateway = await testGateway({ keyDir })
    expect((await readdir(keyDir)).sort()).toEqual([FILE, 'private_key.pem'])
    expect((await stat(join(keyDir, FILE))).mode & 0o777).toBe(0o600)
    expect(await signersOf(gateway)).toEqual([gateway.identity])
    await gateway.stop()
    const again = await testGateway({ keyDir })
    expect(again.identity).toBe(gateway.identity)
  })

  it('is encrypted with the password of the RSA key', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'encrypted' })
    const passwordFile = temporaryFile(`${PASSWORD}\n`)
    const args = ['--engine', 'demo', '--key-password-file', passwordFile]
    const gateway = await testGateway({ keyDir, args })
    expect(await readFile(join(keyDir, FILE), 'utf8')).toContain('ENCRYPTED PRIVATE KEY')
    const { fingerprint } = await loadIdentityKey(join(keyDir, FILE), { password: PASSWORD })
    expect(fingerprint).toBe(gateway.identity)
  })

  it('in memory is another one at each start', async () => {
    const args = ['--engine', 'demo']
    const one = await testGateway({ args, ignoresKeyDir: true })
    const two = await testGateway({ args, ignoresKeyDir: true })
    expect(one.identity).toMatch(/^sha256\//)
    expect(two.identity).not.toBe(one.identity)
    expect(await readdir(one.keyDir)).toEqual(['private_key.pem'])
  })

  it('is one for gateways that start with one folder at the same time', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const [one, two] = await Promise.all([testGateway({ keyDir }), testGateway({ keyDir })])
    expect(one.identity).toBe(two.identity)
    expect((await readdir(keyDir)).sort()).toEqual([FILE, 'private_key.pem'])
  })

  it.each([
    ['damaged', 'ERR_KEY_INVALID', (path: string) => writeFile(path, 'no key')],
    ['changeable by others', 'ERR_KEY_FILE', (path: string) => chmod(path, 0o622)],
    [
      'encrypted with another password',
      'ERR_KEY_PASSWORD',
      async (path: string) => {
        const { pkcs8Der } = await generateIdentityKey()
        await writeFile(path, await encodeIdentityKey(pkcs8Der, { password: 'canary' }))
      },
    ],
  ])('that is %s prevents a start, and is left as it is', async (_what, code, spoil) => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    await (await testGateway({ keyDir })).stop()
    const path = join(keyDir, FILE)
    await spoil(path)
    const before = await readFile(path)
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir]
    expect(failureOf(await runCommand(args))).toContain(`(${code})`)
    expect(await readFile(path)).toEqual(before)
  })

  // The permissions of files do not bind root.
  it.skipIf(process.getuid?.() === 0)(
    'that cannot be created leaves wire 1 to be served alone, unless wire 2 is required',
    async () => {
      const keyDir = testKeyDir({ 'private_key.pem': 'server' })
      await chmod(keyDir, 0o500)
      try {
        const gateway = await testGateway({ keyDir })
        expect(gateway.log()).toContain('wire 2 is not offered')
        expect((await get(gateway, '/pki/wire2')).status).toBe(404)
        expect((await send(gateway)).status).toBe(200)
        const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir, '--min-wire', '2']
        expect(failureOf(await runCommand(args))).toContain('(ERR_CONFIG)')
      } finally {
        await chmod(keyDir, 0o700)
      }
    },
  )
})

describe('the rotation of an identity key', () => {
  it('has both keys sign until the overlap is over; then the old one is removed', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const clock = useFakeClock()
    const gateway = await testGateway({
      keyDir,
      args: ['--engine', 'demo', '--identity-overlap', '1h'],
    })
    const { identity: first = '' } = gateway
    const { code, stdout } = await runCommand(['rotate', '--identity', '--key-dir', keyDir])
    expect(code).toBe(0)
    const second = stdout.trimEnd()
    await utimes(join(keyDir, 'identity_key-2.pem'), new Date(), new Date())
    await gateway.reload()
    expect(await signersOf(gateway)).toEqual([first, second])
    expect(gateway.identity).toBe(second)
    clock.advance(60 * 60_000)
    await gateway.reload()
    expect(await signersOf(gateway)).toEqual([second])
    expect((await readdir(keyDir)).sort()).toEqual(['identity_key-2.pem', 'private_key.pem'])
    await gateway.stop()
    expect(await signersOf(await testGateway({ keyDir }))).toEqual([second])
  })

  it('is discovered without a reload', async () => {
    const gateway = await testGateway()
    const { identity: first = '' } = gateway
    const { stdout } = await runCommand(['rotate', '--identity', '--key-dir', gateway.keyDir])
    await until(async () => (await signersOf(gateway)).length === 2)
    expect(await signersOf(gateway)).toEqual([first, stdout.trimEnd()])
  })

  it('to a faulty key changes nothing and is reported', async () => {
    const gateway = await testGateway()
    const path = join(gateway.keyDir, 'identity_key-2.pem')
    await writeFile(path, 'no key', { mode: 0o600 })
    await gateway.reload()
    expect(await signersOf(gateway)).toEqual([gateway.identity])
    expect(gateway.log()).toMatch(/"code":"ERR_KEY_INVALID".*identity keys cannot be renewed/)
    await rm(path)
  })

  it('refuses to create one where there is none, or with another password', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const args = ['rotate', '--identity', '--key-dir', keyDir]
    expect(failureOf(await runCommand(args))).toContain('(ERR_KEY_FILE)')
    await (await testGateway({ keyDir })).stop()
    const ended = await runCommand(args, { NOMYO_KEY_PASSWORD: PASSWORD })
    expect(failureOf(ended)).toContain('(ERR_KEY_PASSWORD)')
    expect((await readdir(keyDir)).sort()).toEqual([FILE, 'private_key.pem'])
  })
})

describe('nomyo-gateway fingerprint', () => {
  it('prints both keys, each at the beginning of a line', async () => {
    const gateway = await testGateway()
    const { stdout } = await runCommand(['fingerprint', '--key-dir', gateway.keyDir])
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
      serverKeys.publicKey.fingerprint,
      gateway.identity,
      '',
    ])
  })

  it('prints the RSA key alone before the first start with an identity key', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const ended = await runCommand(['fingerprint', '--key-dir', keyDir])
    expect(ended.stdout).toMatch(/^sha256\/\S+ [^\n]+\n$/)
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('no identity key') })
  })
})
