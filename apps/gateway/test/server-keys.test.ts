import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importPrivateKey, importPublicKey } from '@nomyo/crypto'
import { keyFile, keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SecureChatCompletion } from '@nomyo/client'
import { handedOut, rotateUnderLoad, sealedFor, statusFor, until } from './rotation.js'
import {
  clientKeys,
  completionOf,
  get,
  makeKeyDir,
  post,
  runGateway,
  serverKeys,
  testGateway,
  type Ended,
  type GatewayProcess,
} from './support.js'

const otherKeys = await importPrivateKey(keyPem('keys/other.private.pem'))
const encryptedKeys = await importPublicKey(keyPem('keys/encrypted.public.pem'))
/** Of the encrypted key of the vectors. */
const PASSWORD = 'correct horse battery staple'

async function testKeyDir(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await makeKeyDir(files)
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Puts a key of the vectors where the gateway looks for its next one, in one step. */
async function putNext(
  keyDir: string,
  number: number,
  vector: string,
  madeAt = new Date(),
): Promise<void> {
  const staged = await testKeyDir({ 'private_key.pem': vector })
  await utimes(join(staged, 'private_key.pem'), madeAt, madeAt)
  await rename(staged, join(keyDir, `key-${String(number)}`))
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runGateway(args, env).ended
}

describe('GET /pki/public_key', () => {
  it('answers 304 to those who hold the key already, and the key to all others', async () => {
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
  it.each([
    [
      'SIGUSR2',
      (gateway: GatewayProcess) => {
        gateway.kill('SIGUSR2')
        return Promise.resolve()
      },
    ],
    [
      'the rotate command',
      async ({ keyDir }: GatewayProcess) => {
        expect((await run(['rotate', '--key-dir', keyDir])).code).toBe(0)
      },
    ],
  ])('by %s under load fails no request', async (_what, rotate) => {
    const gateway = await testGateway()
    let done = false
    let answered = 0
    // Keys that are there already: three clients that make theirs are a load of another kind.
    const keyDir = await testKeyDir({ 'private_key.pem': 'client' })
    const ask = async (): Promise<void> => {
      // Without retries, so that a failure would show.
      const client = new SecureChatCompletion({
        baseUrl: gateway.url,
        allowHttp: true,
        keyDir,
        maxRetries: 0,
        logger: { warn: () => undefined },
      })
      while (!done) {
        const completion = await client.create({
          model: 'nomyo/echo',
          messages: [{ role: 'user', content: 'under load' }],
        })
        expect(completion.choices[0].message.content).toBe('under load')
        answered++
      }
      client.dispose()
    }
    const load = Promise.all([ask(), ask(), ask()])
    await until(() => answered > 3)
    await rotate(gateway)
    await until(async () => (await handedOut(gateway)) !== serverKeys.publicKey.fingerprint)
    const rotatedAt = answered
    await until(() => answered > rotatedAt + 6)
    done = true
    await load
    const fingerprint = await handedOut(gateway)
    expect(gateway.stderr()).toContain(fingerprint)
    // A client with the key of before is served as well, and who starts now gets the new one.
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    const newest = await run(['fingerprint', '--key-dir', gateway.keyDir])
    expect(newest).toMatchObject({ code: 0, stdout: `${fingerprint}\n` })
    const { mode } = await stat(join(gateway.keyDir, 'key-2', 'private_key.pem'))
    expect(mode & 0o777).toBe(0o600)
    expect((await stat(join(gateway.keyDir, 'key-2'))).mode & 0o777).toBe(0o700)
    expect((await readdir(gateway.keyDir)).sort()).toEqual(['key-2', 'private_key.pem'])
  })

  it('by schedule replaces the key, also one that is in memory only', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--key-rotation', '2s', '--key-overlap', '1s'],
      ignoresKeyDir: true,
    })
    const first = await handedOut(gateway)
    await until(async () => (await handedOut(gateway)) !== first)
    expect(await readdir(gateway.keyDir)).toEqual(['private_key.pem'])
  })

  it('survives a restart within the overlap', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'server' })
    await putNext(keyDir, 2, 'other', new Date(Date.now() - 60_000))
    const gateway = await testGateway({ keyDir })
    expect(await handedOut(gateway)).toBe(otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  it('hands out what other gateways may not have seen yet a while after a restart', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'server' })
    await putNext(keyDir, 2, 'other')
    // Longer than a start takes on a busy machine.
    const gateway = await testGateway({ keyDir, args: ['--engine', 'demo', '--key-lead', '8s'] })
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    await until(async () => (await handedOut(gateway)) === otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  it('fails no request of two gateways with one folder, whoever hands out the key', async () => {
    const one = await testGateway()
    const two = await testGateway({ keyDir: one.keyDir })
    const answered = await rotateUnderLoad([one, two], () => {
      one.kill('SIGUSR2')
      return Promise.resolve()
    })
    expect(answered).toEqual({ failed: [], afterwards: expect.any(Number) as number })
  })

  it('takes up two keys one after the other', async () => {
    const gateway = await testGateway()
    await putNext(gateway.keyDir, 2, 'other')
    await until(async () => (await statusFor(gateway, otherKeys.publicKey)) === 200)
    await putNext(gateway.keyDir, 3, 'client')
    const seen = new Set<string>()
    await until(async () => seen.add(await handedOut(gateway)).size === 3)
    const inOrder = [serverKeys, otherKeys, clientKeys].map((pair) => pair.publicKey.fingerprint)
    expect([...seen]).toEqual(inOrder)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(400)
  })

  it('ends with the overlap: the old key opens nothing any more and its files are gone', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'server' })
    const gateway = await testGateway({
      keyDir,
      args: ['--engine', 'demo', '--key-overlap', '4s'],
    })
    await putNext(keyDir, 2, 'other')
    await until(async () => (await handedOut(gateway)) === otherKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    await until(async () => (await readdir(keyDir)).join() === 'key-2')
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(400)
    expect(await statusFor(gateway, otherKeys.publicKey)).toBe(200)
    await gateway.stop()
    const restarted = await testGateway({ keyDir })
    expect(await handedOut(restarted)).toBe(otherKeys.publicKey.fingerprint)
  })
})

describe('what goes wrong with the next key', () => {
  it.each([
    ['damaged', 'flipped', 'ERR_KEY_INVALID'],
    ['encrypted', 'encrypted', 'ERR_KEY_PASSWORD'],
    ['too small', 'rsa2048', 'ERR_KEY_WEAK'],
  ])('when it is %s, leaves the one in use and its file alone', async (_what, vector, code) => {
    const gateway = await testGateway()
    await putNext(gateway.keyDir, 2, vector)
    gateway.kill('SIGHUP')
    await until(() => gateway.stderr().includes(`"code":"${code}"`))
    expect(gateway.stderr()).toMatch(/"level":50.*server keys cannot be renewed/)
    // Nor does a rotation write over it.
    gateway.kill('SIGUSR2')
    expect((await run(['rotate', '--key-dir', gateway.keyDir])).code).toBe(1)
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    const path = join(gateway.keyDir, 'key-2', 'private_key.pem')
    expect(await readFile(path)).toEqual(Buffer.from(keyFile(`keys/${vector}.private.pem`)))
    // Set right, it is taken up.
    await rm(join(gateway.keyDir, 'key-2'), { recursive: true })
    await putNext(gateway.keyDir, 2, 'other')
    await until(async () => (await handedOut(gateway)) === otherKeys.publicKey.fingerprint)
  })

  it('when the folder cannot be written, leaves the one in use', async () => {
    const gateway = await testGateway()
    const away = await testKeyDir({})
    await rename(gateway.keyDir, join(away, 'keys'))
    await writeFile(gateway.keyDir, 'in the way')
    gateway.kill('SIGUSR2')
    await until(() => gateway.stderr().includes('"code":"ERR_KEY_FILE"'))
    expect(await handedOut(gateway)).toBe(serverKeys.publicKey.fingerprint)
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
  })

  // The permissions of files do not bind root.
  it.skipIf(process.getuid?.() === 0)('when the folder is read-only, makes none', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'server' })
    await mkdir(join(keyDir, 'sub'), { mode: 0o500 })
    await rename(join(keyDir, 'private_key.pem'), join(keyDir, 'sub', 'private_key.pem'))
    const ended = await run(['rotate', '--key-dir', join(keyDir, 'sub')])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('(ERR_KEY_FILE)')
  })
})

describe('a password', () => {
  it('opens the key files and encrypts the ones made later', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'encrypted' })
    const passwordFile = join(await testKeyDir({}), 'password')
    await writeFile(passwordFile, `${PASSWORD}\n`)
    const gateway = await testGateway({
      keyDir,
      args: ['--engine', 'demo', '--key-password-file', passwordFile],
    })
    expect(await handedOut(gateway)).toBe(encryptedKeys.fingerprint)
    const rotated = await run(['rotate', '--key-dir', keyDir], { NOMYO_KEY_PASSWORD: PASSWORD })
    expect(rotated.code).toBe(0)
    await until(async () => `${await handedOut(gateway)}\n` === rotated.stdout)
    const pem = await readFile(join(keyDir, 'key-2', 'private_key.pem'), 'utf8')
    expect(pem).toContain('ENCRYPTED PRIVATE KEY')
    expect(gateway.output()).not.toContain(PASSWORD)
    await completionOf(await post(gateway, await sealedFor(encryptedKeys)))
  })

  it('that is wrong or cannot be read ends with 1', async () => {
    const keyDir = await testKeyDir({ 'private_key.pem': 'encrypted' })
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir]
    for (const ended of [
      await run(args, { NOMYO_KEY_PASSWORD: 'canary' }),
      await run([...args, '--key-password-file', join(keyDir, 'none')]),
      await run(['rotate', '--key-dir', keyDir], { NOMYO_KEY_PASSWORD: 'canary' }),
    ]) {
      expect(ended.code).toBe(1)
      expect(ended.stderr).toContain('(ERR_KEY_PASSWORD)')
      expect(ended.stderr).not.toContain('canary')
    }
    expect(await readdir(keyDir)).toEqual(['private_key.pem'])
  })
})
