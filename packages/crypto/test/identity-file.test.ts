import { createPrivateKey } from 'node:crypto'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'
import {
  decodeIdentityKey,
  encodeIdentityKey,
  loadIdentityKey,
  saveIdentityKey,
} from '../src/keys/node/index.js'
import { generateIdentityKey } from '../src/wire-2/index.js'
import { expectRefusal, noteSkipped } from './support.js'

const PASSWORD = 'correct horse battery staple'
const { key, pkcs8Der } = await generateIdentityKey()

function testPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-identity-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return join(folder, 'keys', 'identity_key.pem')
}

describe('an identity key in a file', () => {
  it.each([undefined, PASSWORD])('is read again, with the password %s', async (password) => {
    const path = testPath()
    const options = password === undefined ? {} : { password }
    expect(await saveIdentityKey(path, pkcs8Der, options)).toBe(true)
    const loaded = await loadIdentityKey(path, options)
    expect(loaded.fingerprint).toBe(key.fingerprint)
    const statement = new Uint8Array(8)
    expect(await loaded.sign(statement)).toEqual(await key.sign(statement))
  })

  it('is for its owner only, appears alone, and is never overwritten', async () => {
    const path = testPath()
    await saveIdentityKey(path, pkcs8Der)
    const before = readFileSync(path)
    const { pkcs8Der: other } = await generateIdentityKey()
    expect(await saveIdentityKey(path, other)).toBe(false)
    expect(readFileSync(path)).toEqual(before)
    expect(readdirSync(join(path, '..'))).toEqual(['identity_key.pem'])
    if (process.platform === 'win32') return
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  })

  it('is read by OpenSSL, and so is its encrypted form', async () => {
    const encrypted = await encodeIdentityKey(pkcs8Der, { password: PASSWORD })
    for (const [pem, passphrase] of [
      [await encodeIdentityKey(pkcs8Der), undefined],
      [encrypted, PASSWORD],
    ] as const) {
      const { asymmetricKeyType } = createPrivateKey(
        passphrase === undefined ? pem : { key: pem, passphrase },
      )
      expect(asymmetricKeyType).toBe('ed25519')
    }
  })

  it('refuses wrong and missing passwords, and one for a key that is not encrypted', async () => {
    const encrypted = await encodeIdentityKey(pkcs8Der, { password: PASSWORD })
    const plain = await encodeIdentityKey(pkcs8Der)
    await expectRefusal(() => decodeIdentityKey(encrypted), 'ERR_KEY_PASSWORD')
    await expectRefusal(() => decodeIdentityKey(encrypted, { password: 'x' }), 'ERR_KEY_PASSWORD')
    await expectRefusal(() => decodeIdentityKey(plain, { password: 'x' }), 'ERR_KEY_PASSWORD')
    await expectRefusal(() => encodeIdentityKey(pkcs8Der, { password: '' }), 'ERR_KEY_PASSWORD')
  })

  it('refuses keys of other types, damaged and missing ones', async () => {
    const path = testPath()
    await expectRefusal(() => loadIdentityKey(path), 'ERR_KEY_FILE')
    await expectRefusal(
      () => decodeIdentityKey(keyText('keys/server.private.pem')),
      'ERR_KEY_INVALID',
    )
    await expectRefusal(() => decodeIdentityKey('no key'), 'ERR_KEY_INVALID')
    await expectRefusal(() => encodeIdentityKey(pkcs8Der.subarray(1)), 'ERR_KEY_INVALID')
    const pem = await encodeIdentityKey(pkcs8Der)
    await expectRefusal(() => decodeIdentityKey(pem + pem), 'ERR_KEY_INVALID')
  })

  it('refuses a file that other users can change, and reports one that they can read', async () => {
    if (process.platform === 'win32') {
      noteSkipped('file modes', 'Windows has none')
      return
    }
    const path = testPath()
    await saveIdentityKey(path, pkcs8Der)
    const warnings: string[] = []
    chmodSync(path, 0o644)
    await loadIdentityKey(path, { onWarning: (message) => warnings.push(message) })
    expect(warnings).toHaveLength(1)
    chmodSync(path, 0o620)
    await expectRefusal(() => loadIdentityKey(path), 'ERR_KEY_FILE')
    writeFileSync(path, 'x'.repeat(65 * 1024), { mode: 0o600 })
    chmodSync(path, 0o600)
    await expectRefusal(() => loadIdentityKey(path), 'ERR_KEY_LIMIT')
  })
})
