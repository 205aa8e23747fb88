import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importPrivateKey, importPublicKey } from '@nomyo/crypto'
import { keyFile, keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { until } from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { handedOut, sealedFor, statusFor } from './rotation.js'
import {
  clientKeys,
  completionOf,
  failureOf,
  get,
  post,
  runCommand,
  serverKeys,
  temporaryFile,
  testGateway,
  testKeyDir,
  useFakeClock,
} from './support.js'

const otherKeys = await importPrivateKey(keyPem('keys/other.private.pem'))
const encryptedKeys = await importPublicKey(keyPem('keys/encrypted.public.pem'))
/** Of the encrypted key of the vectors. */
const PASSWORD = 'correct horse battery staple'

/** Puts a key of the vectors where the gateway looks for its next one, in one step. */
async function putNext(
  keyDir: string,
  number: number,
  vector: string,
  madeAt = new Date(),
): Promise<void> {
  const staged = testKeyDir({ 'private_key.pem': vector })
  await utimes(join(staged, 'private_key.pem'), madeAt, madeAt)
  await rename(staged, join(keyDir, `key-${String(number)}`))
}

describe('GET /pki/public_key', () => {
  it('answers 304 to callers that hold the key already, and with the key to others', async () => {
    const gateway = await testGateway()
    const first = await get(gateway, '/pki/public_key')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toBe(`"${serverKeys.publicKey.fingerprint}"`)
    expect(first.headers.get('cache-control')).toBe('no-cache')
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await get(gateway, '/pki/public_key', { headers: { 'if-none-match': tag } })
      expect(again).toMatchObject({ status: 304, bytes: new Uint8Array() })
      expect(again.headers.get('etag')).toBe(etag)
    }
    for (const tag of ['"x"', etag.slice(1, -1), '']) {
      const other = await get(gateway, '/pki/public_key', { headers: { 'if-none-match': tag } })
      expect(other.status).toBe(200)
    }
  })
})

describe('rotation', () => {
  it('survives a restart within the overlap', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    await putNext(keyDir, 2, 'other', new Date(Date.now() - 60_000))
    const gateway = await testGateway({ keyDir })
    expect(await handedOut(gateway)).toBe(otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  it('publishes a key that other gateways may not know only after the lead, also after a restart', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    await putNext(keyDir, 2, 'other')
    const clock = useFakeClock()
    const gateway = await testGateway({ keyDir, args: ['--engine', 'demo', '--key-lead', '8s'] })
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    clock.advance(6000)
    await gateway.reload()
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    clock.advance(2000)
    await gateway.reload()
    expect(await handedOut(gateway)).toBe(otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  it('adopts two keys one after the other', async () => {
    const clock = useFakeClock()
    const gateway = await testGateway({ args: ['--engine', 'demo', '--key-lead', '6s'] })
    await putNext(gateway.keyDir, 2, 'other')
    await gateway.reload()
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    clock.advance(2000)
    await putNext(gateway.keyDir, 3, 'client')
    await gateway.reload()
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    for (const { publicKey } of [otherKeys, clientKeys]) {
      clock.advance(4000)
      await gateway.reload()
      expect(await handedOut(gateway)).toBe(publicKey.fingerprint)
    }
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(400)
  })

  it('ends with the overlap: the old key opens nothing any more and its files are removed', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const clock = useFakeClock()
    const gateway = await testGateway({
      keyDir,
      args: ['--engine', 'demo', '--key-overlap', '4s'],
    })
    await putNext(keyDir, 2, 'other')
    await gateway.reload()
    clock.advance(1000)
    await gateway.reload()
    expect(await handedOut(gateway)).toBe(otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    clock.advance(4000)
    await gateway.reload()
    expect(await readdir(keyDir)).toEqual(['identity_key.pem', 'key-2'])
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(400)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    await gateway.stop()
    const restarted = await testGateway({ keyDir })
    expect(await handedOut(restarted)).toBe(otherKeys.publicKey.fingerprint)
  })
})

describe('a fault of the next key', () => {
  it.each([
    ['damaged', 'flipped', 'ERR_KEY_INVALID'],
    ['encrypted', 'encrypted', 'ERR_KEY_PASSWORD'],
    ['too small', 'rsa2048', 'ERR_KEY_WEAK'],
  ])('when it is %s, keeps the current key and its file', async (_what, vector, code) => {
    const gateway = await testGateway()
    await putNext(gateway.keyDir, 2, vector)
    await gateway.reload()
    await until(() => gateway.log().includes(`"code":"${code}"`))
    expect(gateway.log()).toMatch(/"level":50.*server keys cannot be renewed/)
    // Nor does a rotation write over it.
    await gateway.rotateKey()
    expect((await runCommand(['rotate', '--key-dir', gateway.keyDir])).code).toBe(1)
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    const path = join(gateway.keyDir, 'key-2', 'private_key.pem')
    expect(await readFile(path)).toEqual(Buffer.from(keyFile(`keys/${vector}.private.pem`)))
    // Set right, it is taken up.
    await rm(join(gateway.keyDir, 'key-2'), { recursive: true })
    await putNext(gateway.keyDir, 2, 'other')
    await until(async () => (await handedOut(gateway)) === otherKeys.publicKey.fingerprint)
  })

  it('when the folder cannot be written, keeps the current key', async () => {
    const gateway = await testGateway()
    const away = testKeyDir({})
    await rename(gateway.keyDir, join(away, 'keys'))
    await writeFile(gateway.keyDir, 'in the way')
    await gateway.rotateKey()
    await until(() => gateway.log().includes('"code":"ERR_KEY_FILE"'))
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  // The permissions of files do not bind root.
  it.skipIf(process.getuid?.() === 0)('when the folder is read-only, makes none', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    await mkdir(join(keyDir, 'sub'), { mode: 0o500 })
    await rename(join(keyDir, 'private_key.pem'), join(keyDir, 'sub', 'private_key.pem'))
    const ended = await runCommand(['rotate', '--key-dir', join(keyDir, 'sub')])
    expect(failureOf(ended)).toContain('(ERR_KEY_FILE)')
  })
})

describe('a password', () => {
  it('decrypts the key files and encrypts later ones', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'encrypted' })
    const passwordFile = temporaryFile(`${PASSWORD}\n`)
    const gateway = await testGateway({
      keyDir,
      args: ['--engine', 'demo', '--key-password-file', passwordFile],
    })
    expect(await handedOut(gateway)).toBe(encryptedKeys.fingerprint)
    const env = { NOMYO_KEY_PASSWORD: PASSWORD }
    const rotated = await runCommand(['rotate', '--key-dir', keyDir], env)
    expect(rotated.code).toBe(0)
    await until(async () => `${await handedOut(gateway)}\n` === rotated.stdout)
    const pem = await readFile(join(keyDir, 'key-2', 'private_key.pem'), 'utf8')
    expect(pem).toContain('ENCRYPTED PRIVATE KEY')
    expect(gateway.log()).not.toContain(PASSWORD)
    await completionOf(await post(gateway, await sealedFor(encryptedKeys)))
  })

  it('of blanks alone creates no key', async () => {
    const keyDir = testKeyDir({})
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir]
    const ended = await runCommand([...args, '--key-password-file', temporaryFile(' \t\n')])
    expect(failureOf(ended)).toContain('(ERR_KEY_PASSWORD)')
    expect(await readdir(keyDir)).toEqual([])
  })

  it('that is wrong or unreadable ends with 1', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'encrypted' })
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir]
    for (const ended of [
      await runCommand(args, { NOMYO_KEY_PASSWORD: 'canary' }),
      await runCommand([...args, '--key-password-file', join(keyDir, 'none')]),
      await runCommand(['rotate', '--key-dir', keyDir], { NOMYO_KEY_PASSWORD: 'canary' }),
    ]) {
      expect(failureOf(ended)).toContain('(ERR_KEY_PASSWORD)')
      expect(ended.stderr).not.toContain('canary')
    }
    expect(await readdir(keyDir)).toEqual(['private_key.pem'])
  })
})
