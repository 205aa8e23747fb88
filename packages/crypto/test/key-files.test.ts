import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from '@nomyo-internal/testing'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importPrivateKey, importPublicKey } from '../src/keys/index.js'
import { encodePem } from '../src/keys/pem.js'
import { expectRefusal, noteSkipped, refusalOf, testPair } from './support.js'

const PASSWORD = 'correct horse battery staple'
// It prints no version of its own.
const hasSshKeygen = spawnSync('sh', ['-c', 'command -v ssh-keygen']).status === 0
const hasTools = isInstalled('openssl') && hasSshKeygen
if (!hasTools) noteSkipped('Key files of other tools', 'openssl or ssh-keygen is not on the PATH')

const privatePem = keyText('keys/client.private.pem')
const publicPem = keyText('keys/client.public.pem')
const certificate = keyText('keys/certificate.pem')
const fingerprint = async (): Promise<string> => (await testPair('client')).publicKey.fingerprint

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nomyo-key-files-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a shell command in the folder; passwords come from the environment. */
const sh = (command: string, input = ''): string =>
  execFileSync('sh', ['-c', command], {
    cwd: folder,
    input,
    env: { ...process.env, PASSWORD },
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })

const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

describe('a private key file', () => {
  const relabelled = privatePem.replaceAll('PRIVATE KEY', 'RSA PRIVATE KEY')
  const attributes = 'Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n'

  it.each([
    ['text before the block', `Private-Key: (4096 bit, 2 primes)\nmodulus:\n${privatePem}`],
    ['text behind the block', `${privatePem}Private-Key: (4096 bit)\n`],
    ['a byte order mark', `\uFEFF${privatePem}`],
    ['a byte order mark and text', `\uFEFF# my key\r\n${privatePem}`],
    ['bag attributes', attributes + privatePem],
    ['CRLF and attributes', (attributes + privatePem).replaceAll('\n', '\r\n')],
    ['blanks at the ends of lines', privatePem.replaceAll('\n', ' \n')],
    ['a blank line before the block', `\n${privatePem}`],
    ['no final line break, as .NET writes it', privatePem.trimEnd()],
    ['the label of PKCS#1 over PKCS#8, as some .NET programs write it', relabelled],
    ['its certificate behind it', privatePem + certificate],
    ['its chain before it', certificate + certificate + attributes + privatePem],
    ['its public key behind it', privatePem + publicPem],
  ])('is read with %s', async (_, text) => {
    expect((await importPrivateKey(text)).publicKey.fingerprint).toBe(await fingerprint())
  })

  it.each([
    ['two private keys', privatePem + keyText('keys/other.private.pem')],
    ['the same key twice', privatePem + privatePem],
    ['a plain and an encrypted key', privatePem + keyText('keys/encrypted.private.pem')],
    [
      'a key of another format beside it',
      privatePem + encodePem('EC PRIVATE KEY', Uint8Array.of(1)),
    ],
    ['no END line', `text\n${privatePem.slice(0, -30)}`],
    ['a BEGIN line in its body', privatePem.replace('\n', '\n-----BEGIN X-----\n')],
    ['a damaged block behind text', `text\n${privatePem.replace('MII', 'M*I')}`],
    ['labels that differ', privatePem.replace('END PRIVATE', 'END RSA PRIVATE')],
  ])('is refused with %s', async (_, text) => {
    await expectRefusal(() => importPrivateKey(text), 'ERR_KEY_INVALID')
  })

  it('has a limit that leaves room for a chain of certificates', async () => {
    const filled = (size: number): string => privatePem.padStart(size, '#\n')
    expect((await importPrivateKey(filled(64 * 1024))).publicKey.bits).toBe(4096)
    await expectRefusal(() => importPrivateKey(filled(64 * 1024 + 1)), 'ERR_KEY_LIMIT')
  })

  it('behind text needs no password, and does not ignore one', async () => {
    const text = `text\n${privatePem}`
    await expectRefusal(() => importPrivateKey(text, { password: PASSWORD }), 'ERR_KEY_PASSWORD')
  })
})

describe.skipIf(!hasTools)('a private key file of another tool', () => {
  beforeAll(() => {
    writeFileSync(join(folder, 'key.pem'), privatePem, { mode: 0o600 })
    sh('openssl req -x509 -new -key key.pem -subj /CN=test -days 1 -out certificate.pem')
    sh(
      'openssl pkcs12 -export -inkey key.pem -in certificate.pem -name me -passout env:PASSWORD -out key.p12',
    )
    sh(`cp key.pem openssh && ssh-keygen -p -P '' -N '' -f openssh`)
    sh(`cp key.pem openssh-encrypted && ssh-keygen -p -P '' -N "$PASSWORD" -f openssh-encrypted`)
    sh('openssl rsa -in key.pem -traditional -aes256 -passout env:PASSWORD -out legacy.pem')
    sh('openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der')
    sh('openssl rsa -in key.pem -traditional -outform DER -out pkcs1.der')
    sh(
      'openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -outform DER -passout env:PASSWORD -out encrypted.der',
    )
    sh('openssl ecparam -name prime256v1 -genkey -out sec1.pem')
    sh('openssl pkcs8 -topk8 -nocrypt -in sec1.pem -out ec.pem')
    sh('openssl pkcs8 -topk8 -in sec1.pem -passout env:PASSWORD -out ec-encrypted.pem')
    sh('openssl genpkey -algorithm ed25519 -out ed25519.pem')
    sh('openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out rsa-pss.pem')
    sh('openssl pkcs8 -topk8 -in key.pem -v2 des3 -passout env:PASSWORD -out des3.pem')
    sh('openssl pkcs8 -topk8 -in key.pem -v1 PBE-SHA1-3DES -passout env:PASSWORD -out pbes1.pem')
    const jwk = createPrivateKey(privatePem).export({ format: 'jwk' })
    writeFileSync(join(folder, 'key.jwk'), JSON.stringify({ use: 'enc', ...jwk }, undefined, 2))
    writeFileSync(join(folder, 'utf16.pem'), Buffer.from(`\uFEFF${privatePem}`, 'utf16le'))
  })

  it.each([
    ['openssl pkcs12 -noenc', 'openssl pkcs12 -in key.p12 -noenc -passin env:PASSWORD', {}],
    [
      'openssl pkcs12 -nocerts',
      'openssl pkcs12 -in key.p12 -nocerts -passin env:PASSWORD -passout env:PASSWORD',
      { password: PASSWORD },
    ],
    [
      'openssl pkcs12, all of it',
      'openssl pkcs12 -in key.p12 -passin env:PASSWORD -passout env:PASSWORD',
      { password: PASSWORD },
    ],
    ['openssl pkey -text', 'openssl pkey -in key.pem -text', {}],
    ['openssl rsa -traditional', 'openssl rsa -in key.pem -traditional', {}],
    [
      'ssh-keygen -m PKCS8',
      `cp openssh copy && ssh-keygen -p -P '' -N "$PASSWORD" -m PKCS8 -f copy >/dev/null && cat copy`,
      { password: PASSWORD },
    ],
    [
      'ssh-keygen -m PEM',
      `cp openssh copy && ssh-keygen -p -P '' -N '' -m PEM -f copy >/dev/null && cat copy`,
      {},
    ],
  ])('is read as %s writes it', async (_, command, options) => {
    const pair = await importPrivateKey(sh(command), options)
    expect(pair.publicKey.fingerprint).toBe(await fingerprint())
  })

  /** Answers the prompts of a command. */
  const unattended = (command: string): string =>
    command
      .replace('ssh-keygen -p', `ssh-keygen -p -P "$OLD" -N "$OLD"`)
      .replace(
        /openssl (pkcs8|pkcs12) (-[^|]*)/,
        (whole, tool: string) =>
          `${whole} -passin env:PASSWORD${tool === 'pkcs8' || whole.includes('-nocerts') ? ' -passout env:PASSWORD' : ''} `,
      )

  /** Runs the command of a refusal; the file that it writes is read. */
  async function converted(name: string, encoding: BufferEncoding, old = ''): Promise<string> {
    const { message } = await refusalOf(() =>
      importPrivateKey(readFileSync(join(folder, name), encoding)),
    )
    const command = unattended(message.slice(message.indexOf('Make one: ') + 10)).replaceAll(
      'FILE',
      name,
    )
    rmSync(join(folder, 'converted.pem'), { force: true })
    sh(`OLD='${old}'; ${command}`)
    return read('converted.pem')
  }

  it.each([
    ['openssh', 'utf8', 'ERR_KEY_TYPE', ''],
    ['openssh-encrypted', 'utf8', 'ERR_KEY_TYPE', PASSWORD],
    ['legacy.pem', 'utf8', 'ERR_KEY_INVALID', ''],
    ['key.p12', 'utf8', 'ERR_KEY_INVALID', ''],
    ['key.p12', 'latin1', 'ERR_KEY_INVALID', ''],
    ['key.der', 'utf8', 'ERR_KEY_INVALID', ''],
    ['pkcs1.der', 'latin1', 'ERR_KEY_INVALID', ''],
    ['encrypted.der', 'utf8', 'ERR_KEY_INVALID', ''],
    ['key.jwk', 'utf8', 'ERR_KEY_INVALID', ''],
    ['utf16.pem', 'utf8', 'ERR_KEY_INVALID', ''],
  ] as const)(
    'is refused with the command that converts it: %s as %s',
    async (name, encoding, code, old) => {
      const text = readFileSync(join(folder, name), encoding)
      await expectRefusal(() => importPrivateKey(text), code)
      const pem = await converted(name, encoding, old)
      const options = pem.includes('ENCRYPTED') ? { password: PASSWORD } : {}
      expect((await importPrivateKey(pem, options)).publicKey.fingerprint).toBe(await fingerprint())
    },
  )

  it.each(['des3.pem', 'pbes1.pem'])(
    'is refused with the command that encrypts it again: %s',
    async (name) => {
      const { code, message } = await refusalOf(() =>
        importPrivateKey(read(name), { password: PASSWORD }),
      )
      expect(code).toBe('ERR_KEY_INVALID')
      const command = /openssl pkcs8 -topk8 [^.]+/.exec(message)?.[0] ?? ''
      const pem = sh(`${command} -in ${name} -passin env:PASSWORD -passout env:PASSWORD`)
      const pair = await importPrivateKey(pem, { password: PASSWORD })
      expect(pair.publicKey.fingerprint).toBe(await fingerprint())
    },
  )

  it(
    'that is no RSA key is refused with the command that generates one',
    { timeout: 60_000 },
    async () => {
      const { code, message } = await refusalOf(() => importPrivateKey(read('sec1.pem')))
      expect(code).toBe('ERR_KEY_TYPE')
      sh(message.slice(message.indexOf('Make one: ') + 10))
      expect((await importPrivateKey(read('converted.pem'))).publicKey.bits).toBe(4096)
    },
  )

  it.each([
    ['ec.pem', {}],
    ['ec-encrypted.pem', { password: PASSWORD }],
    ['ed25519.pem', {}],
    ['rsa-pss.pem', {}],
  ])(
    'that is PKCS#8 of another algorithm is refused with the same command: %s',
    async (name, options) => {
      const sec1 = await refusalOf(() => importPrivateKey(read('sec1.pem')))
      const refusal = await refusalOf(() => importPrivateKey(read(name), options))
      expect([refusal.code, refusal.message]).toEqual(['ERR_KEY_TYPE', sec1.message])
    },
  )
})

describe.skipIf(!hasTools)('a public key file of another tool', () => {
  beforeAll(() => {
    writeFileSync(join(folder, 'key.pem'), privatePem, { mode: 0o600 })
    writeFileSync(join(folder, 'public.pem'), publicPem)
    sh('openssl req -x509 -new -key key.pem -subj /CN=test -days 1 -out certificate.pem')
    sh('openssl req -new -key key.pem -subj /CN=test -out request.pem')
    sh(
      'openssl pkcs12 -export -inkey key.pem -in certificate.pem -passout env:PASSWORD -out key.p12',
    )
    sh(
      `cp key.pem openssh && ssh-keygen -p -P '' -N '' -f openssh && ssh-keygen -y -f openssh > openssh.pub`,
    )
    sh('openssl rsa -in key.pem -RSAPublicKey_out -out pkcs1-public.pem')
    sh('openssl pkey -in key.pem -pubout -outform DER -out public.der')
    sh('openssl pkey -in key.pem -pubout -text -out text.pem')
    const jwk = createPublicKey(publicPem).export({ format: 'jwk' })
    writeFileSync(join(folder, 'public.jwk'), JSON.stringify(jwk))
    writeFileSync(join(folder, 'public-utf16.pem'), Buffer.from(`\uFEFF${publicPem}`, 'utf16le'))
    writeFileSync(join(folder, 'around.pem'), `# my key\n${publicPem}`)
  })

  it.each([
    ['key.pem', 'ERR_KEY_TYPE'],
    ['certificate.pem', 'ERR_KEY_TYPE'],
    ['request.pem', 'ERR_KEY_TYPE'],
    ['openssh', 'ERR_KEY_TYPE'],
    ['openssh.pub', 'ERR_KEY_TYPE'],
    ['pkcs1-public.pem', 'ERR_KEY_INVALID'],
    ['public.der', 'ERR_KEY_INVALID'],
    ['key.p12', 'ERR_KEY_INVALID'],
    ['public.jwk', 'ERR_KEY_INVALID'],
    ['public-utf16.pem', 'ERR_KEY_INVALID'],
    ['text.pem', 'ERR_KEY_INVALID'],
    ['around.pem', 'ERR_KEY_INVALID'],
  ])('is refused with the command that converts it: %s', async (name, code) => {
    const refusal = await refusalOf(() => importPublicKey(read(name)))
    expect(refusal.code).toBe(code)
    const command = refusal.message
      .slice(refusal.message.indexOf('Make one: ') + 10)
      .replaceAll('FILE', name)
      .replace('openssl pkcs12', 'openssl pkcs12 -passin env:PASSWORD')
    rmSync(join(folder, 'converted.pem'), { force: true })
    sh(command)
    expect((await importPublicKey(read('converted.pem'))).fingerprint).toBe(await fingerprint())
  })

  it('may begin with a byte order mark', async () => {
    expect((await importPublicKey(`\uFEFF${publicPem}`)).fingerprint).toBe(await fingerprint())
  })
})

it('no refusal quotes the file', async () => {
  const secret = 'SECRETSECRET'
  for (const text of [
    `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n${secret}\n-----END RSA PRIVATE KEY-----\n`,
    `-----BEGIN ${secret} KEY-----\nAAAA\n-----END ${secret} KEY-----\n`,
    `{"kty":"RSA","d":"${secret}"}`,
    `0\uFFFD\t\x02\x01\x03${secret}`,
    secret,
  ]) {
    for (const read of [importPrivateKey, importPublicKey]) {
      expect(String(await refusalOf(() => read(text)))).not.toContain(secret)
    }
  }
})
