import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openJson, sealJson } from '../src/envelope/index.js'
import { generateKeyPair } from '../src/keys/generate.js'
import { loadKeyPair, loadOrCreateKeyPair, saveKeyPair } from '../src/keys/node/index.js'
import type { KeyPair } from '../src/suite.js'
import { freshPair, noteSkipped, pairOf, refusalOf, testPair, expectRefusal } from './support.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'

// The real ones, unless a test steps in between.
vi.mock('node:fs/promises', { spy: true })
vi.mock('../src/keys/generate.js', { spy: true })
const realFs = await vi.importActual<typeof fs>('node:fs/promises')

const PRIVATE = 'private_key.pem'
const PUBLIC = 'public_key.pem'
const PASSWORD = 'correct horse battery staple'
const isRoot = process.getuid?.() === 0

let parent = ''
let folder = ''

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'nomyo-file-store-'))
  folder = join(parent, 'keys')
})

afterEach(() => {
  vi.mocked(fs.open).mockReset()
  vi.mocked(fs.link).mockReset()
  vi.mocked(generateKeyPair).mockReset()
  rmSync(parent, { recursive: true, force: true })
})

/** Puts key files of the vectors, or any text, into the folder. */
function place(files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  }
}

/** Every file of the folder with its bytes, one character a byte. */
const contents = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
  )

/** Checks that the folder gives no keys, and gets none. */
async function expectNoKeys(code = 'ERR_KEY_FILE', options = {}): Promise<void> {
  await expectRefusal(() => loadKeyPair(folder, options), code)
  await expectRefusal(() => loadOrCreateKeyPair(folder, options), code)
  expect(generateKeyPair).not.toHaveBeenCalled()
}

/** Steps in after a file was opened. */
function onOpened(step: (file: fs.FileHandle, path: string, flags: unknown) => unknown): void {
  vi.mocked(fs.open).mockImplementation(async (...parameters) => {
    const file = await realFs.open(...parameters)
    await step(file, String(parameters[0]), parameters[1])
    return file
  })
}

const modeOf = (path: string): number => lstatSync(path).mode & 0o777

/** Making a key takes seconds; these were made before. Different ones, as if by several processes. */
function generateFromVectors(): void {
  const names = ['server', 'client', 'other'] as const
  let made = 0
  vi.mocked(generateKeyPair).mockImplementation(() =>
    freshPair(names[made++ % names.length]!, { extractable: true }),
  )
}

describe('a folder without keys', () => {
  it('gets a new pair, which is found again', async () => {
    const onGenerate = vi.fn()
    const made = await loadOrCreateKeyPair(folder, { onGenerate })
    expect([made.publicKey.bits, made.privateKey.extractable]).toEqual([4096, false])
    const found = await loadOrCreateKeyPair(folder, { onGenerate })
    expect(found.publicKey.fingerprint).toBe(made.publicKey.fingerprint)
    expect((await loadKeyPair(folder)).publicKey.fingerprint).toBe(made.publicKey.fingerprint)
    expect(onGenerate).toHaveBeenCalledTimes(1)
    expect(generateKeyPair).toHaveBeenCalledTimes(1)
    const envelope = await sealJson({ n: 1 }, made.publicKey)
    expect((await openJson(envelope, found.privateKey)).value).toEqual({ n: 1 })
    expect(contents()[PUBLIC]).toBe(made.publicKey.pem)
  })

  it('gets an encrypted private key where there is a password', async () => {
    generateFromVectors()
    const made = await loadOrCreateKeyPair(folder, { password: PASSWORD })
    expect(contents()[PRIVATE]).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    const found = await loadOrCreateKeyPair(folder, { password: PASSWORD })
    expect(found.publicKey.fingerprint).toBe(made.publicKey.fingerprint)
    await expectRefusal(() => loadKeyPair(folder), 'ERR_KEY_PASSWORD')
  })

  it('gets a pair whose extractable original does not stay', async () => {
    generateFromVectors()
    await loadOrCreateKeyPair(folder)
    const { privateKey } = (await vi.mocked(generateKeyPair).mock.results[0]?.value) as KeyPair
    await expectRefusal(() => privateKey.exportPkcs8(), 'ERR_KEY_DISPOSED')
  })

  it('stays as it is where a key is only to be loaded', async () => {
    await expectRefusal(() => loadKeyPair(folder), 'ERR_KEY_FILE')
    expect(existsSync(folder)).toBe(false)
    mkdirSync(folder)
    await expectRefusal(() => loadKeyPair(folder), 'ERR_KEY_FILE')
    expect(readdirSync(folder)).toEqual([])
  })

  it('is not created for an empty password', async () => {
    generateFromVectors()
    const create = () => loadOrCreateKeyPair(folder, { password: '' })
    await expectRefusal(create, 'ERR_KEY_PASSWORD')
    expect(existsSync(folder)).toBe(false)
  })

  it('gets one pair when twenty callers start at once', async () => {
    generateFromVectors()
    const pairs = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateKeyPair(folder)))
    expect(vi.mocked(generateKeyPair).mock.calls.length).toBeGreaterThan(1)
    expect(new Set(pairs.map(({ publicKey }) => publicKey.fingerprint)).size).toBe(1)
    expect(readdirSync(folder).sort()).toEqual([PRIVATE, PUBLIC])
    expect(contents()[PUBLIC]).toBe(pairs[0]!.publicKey.pem)
  })

  it('may be filled by another process at any moment', async () => {
    generateFromVectors()
    mkdirSync(folder)
    const other = await testPair('other')
    let calls = 0
    // Right after the first look found nothing, whatever was looked for.
    vi.mocked(fs.open).mockImplementation(async (...parameters) => {
      const first = calls++ === 0
      return realFs.open(...parameters).finally(() => {
        if (!first) return
        const privateKeyPem = keyText('keys/other.private.pem')
        place({ [PRIVATE]: privateKeyPem, [PUBLIC]: other.publicKey.pem })
      })
    })
    const { publicKey } = await loadOrCreateKeyPair(folder)
    expect(publicKey.fingerprint).toBe(other.publicKey.fingerprint)
    expect(readdirSync(folder).sort()).toEqual([PRIVATE, PUBLIC])
  })
})

describe.skipIf(process.platform === 'win32')('access by other users', () => {
  it('is never possible, not even for a moment and under no umask', async () => {
    generateFromVectors()
    const births: { name: string; mode: number }[] = []
    // The very first look at it, before anything could correct its mode.
    onOpened(async (file, path, flags) => {
      if (flags !== 'wx') return
      const { mode } = await file.stat()
      births.push({ name: basename(path), mode: mode & 0o777 })
    })
    const umask = process.umask(0)
    try {
      await loadOrCreateKeyPair(folder)
    } finally {
      process.umask(umask)
    }
    expect(births.length).toBe(2)
    const privateBirths = births.filter(({ name }) => name.includes(PRIVATE))
    expect(privateBirths.map(({ mode }) => mode)).toEqual([0o600])
    expect(modeOf(join(folder, PRIVATE))).toBe(0o600)
    expect(modeOf(join(folder, PUBLIC))).toBe(0o644)
    expect(modeOf(folder)).toBe(0o700)
  })

  it.each(['644', '640', '604', '601', '755'])('causes a warning: mode %s', async (mode) => {
    place({ [PRIVATE]: keyText('keys/client.private.pem') })
    chmodSync(join(folder, PRIVATE), mode)
    const onWarning = vi.fn<(message: string) => void>()
    await loadKeyPair(folder, { onWarning })
    await loadOrCreateKeyPair(folder, { onWarning })
    expect(onWarning).toHaveBeenCalledTimes(2)
    expect(onWarning.mock.calls[0]?.[0]).toContain(join(folder, PRIVATE))
  })

  it.each([PRIVATE, PUBLIC])('that could have changed it is refused: %s', async (name) => {
    place({
      [PRIVATE]: keyText('keys/client.private.pem'),
      [PUBLIC]: keyText('keys/client.public.pem'),
    })
    const path = join(folder, name)
    for (const mode of ['660', '622', '602', '620', '777']) {
      chmodSync(path, mode)
      await expectNoKeys()
    }
    const { message } = await refusalOf(() => loadKeyPair(folder))
    // The command of the message repairs it.
    execFileSync('sh', ['-c', message.slice(message.indexOf('chmod'))])
    expect(modeOf(path)).toBe(0o755)
    await loadKeyPair(folder)
  })

  it.each([PRIVATE, PUBLIC])('who own it is refused: %s', async (name) => {
    place({
      [PRIVATE]: keyText('keys/client.private.pem'),
      [PUBLIC]: keyText('keys/client.public.pem'),
    })
    // The file keeps its owner and mode; this process has another one.
    const uid = lstatSync(join(folder, name)).uid
    onOpened((file) => {
      const stat = file.stat.bind(file)
      vi.spyOn(file, 'stat').mockImplementation(async () => {
        const facts = await stat()
        facts.uid = vi.mocked(fs.open).mock.lastCall?.[0] === join(folder, name) ? 4711 : uid
        return facts
      })
    })
    await expectNoKeys()
    const { message } = await refusalOf(() => loadKeyPair(folder))
    expect(message).toContain(`chown ${String(uid)} ${join(folder, name)}`)
  })

  it('is not checked where the runtime does not tell its user, but the mode is', async () => {
    place({
      [PRIVATE]: keyText('keys/client.private.pem'),
      [PUBLIC]: keyText('keys/client.public.pem'),
    })
    const geteuid = vi.spyOn(process, 'geteuid').mockImplementation(() => {
      throw new Error('NotCapable')
    })
    onTestFinished(() => geteuid.mockRestore())
    await loadKeyPair(folder)
    chmodSync(join(folder, PRIVATE), 0o622)
    expect(await refusalOf(() => loadKeyPair(folder))).toMatchObject({ code: 'ERR_KEY_FILE' })
  })

  it('does not matter where the file belongs to root', async () => {
    place({ [PRIVATE]: keyText('keys/client.private.pem') })
    const owner = lstatSync(join(folder, PRIVATE)).uid
    const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(4711)
    onTestFinished(() => geteuid.mockRestore())
    const loading = loadKeyPair(folder).then(
      () => 'loaded',
      () => 'refused',
    )
    expect(await loading).toBe(owner === 0 ? 'loaded' : 'refused')
  })

  it.each(['600', '400', '700'])('causes no warning: mode %s', async (mode) => {
    place({ [PRIVATE]: keyText('keys/client.private.pem') })
    chmodSync(join(folder, PRIVATE), mode)
    const { publicKey } = await testPair('client')
    writeFileSync(join(folder, PUBLIC), publicKey.pem, { mode: 0o644 })
    const onWarning = vi.fn()
    await loadKeyPair(folder, { onWarning })
    expect(onWarning).not.toHaveBeenCalled()
  })
})

describe('existing keys', () => {
  it('load with and without the public file', async () => {
    place({ [PRIVATE]: keyText('keys/client.private.pem') })
    const { publicKey } = await loadOrCreateKeyPair(folder)
    expect(publicKey.fingerprint).toBe((await testPair('client')).publicKey.fingerprint)
    place({ [PUBLIC]: keyText('keys/client.public.pem') })
    expect((await loadOrCreateKeyPair(folder)).publicKey.fingerprint).toBe(publicKey.fingerprint)
    expect(generateKeyPair).not.toHaveBeenCalled()
  })

  it('load in every format, with options', async () => {
    place({ [PRIVATE]: keyText('keys/encrypted.private.pem') })
    const encrypted = await loadKeyPair(folder, { password: PASSWORD })
    expect(encrypted.publicKey.bits).toBe(4096)
    place({ [PRIVATE]: keyText('keys/rsa2048.private.pem') })
    expect((await loadKeyPair(folder)).publicKey.bits).toBe(2048)
  })

  const huge = 'A'.repeat(64 * 1024 + 1)
  const soundKey = keyText('keys/client.private.pem')
  const other = keyText('keys/other.public.pem')
  const wrong = { password: 'wrong' }
  const privateFile = (name: string) => ({ [PRIVATE]: keyText(`keys/${name}.pem`) })

  it.each([
    ['no password', 'ERR_KEY_PASSWORD', privateFile('encrypted.private'), {}],
    ['a wrong password', 'ERR_KEY_PASSWORD', privateFile('encrypted.private'), wrong],
    ['a needless password', 'ERR_KEY_PASSWORD', { [PRIVATE]: soundKey }, { password: PASSWORD }],
    ['a file cut short', 'ERR_KEY_INVALID', { [PRIVATE]: soundKey.slice(0, 1000) }, {}],
    ['an empty file', 'ERR_KEY_INVALID', { [PRIVATE]: '' }, {}],
    ['another text', 'ERR_KEY_INVALID', privateFile('garbage'), {}],
    ['flipped bits', 'ERR_KEY_INVALID', privateFile('flipped.private'), {}],
    ['a weak key', 'ERR_KEY_WEAK', privateFile('rsa1024.private'), {}],
    ['a key too small', 'ERR_KEY_WEAK', privateFile('rsa2048.private'), { minBits: 3072 }],
    ['an EC key', 'ERR_KEY_TYPE', privateFile('ec-p256.private'), {}],
    ['a huge file', 'ERR_KEY_LIMIT', { [PRIVATE]: huge }, {}],
    ['a huge public file', 'ERR_KEY_LIMIT', { [PRIVATE]: soundKey, [PUBLIC]: huge }, {}],
    ['the public key of another', 'ERR_KEY_MISMATCH', { [PRIVATE]: soundKey, [PUBLIC]: other }, {}],
    ['a damaged public file', 'ERR_KEY_INVALID', { [PRIVATE]: soundKey, [PUBLIC]: 'x' }, {}],
    ['a public file alone', 'ERR_KEY_FILE', { [PUBLIC]: keyText('keys/client.public.pem') }, {}],
  ])('stay untouched when they cannot be used: %s', async (_, code, files, options) => {
    place(files)
    const before = contents()
    await expectNoKeys(code, options)
    expect(contents()).toEqual(before)
  })

  it('are never overwritten', async () => {
    const other = await freshPair('other', { extractable: true })
    place({ [PRIVATE]: soundKey, [PUBLIC]: keyText('keys/client.public.pem') })
    const whole = contents()
    await expectRefusal(() => saveKeyPair(folder, other), 'ERR_KEY_FILE')
    expect(contents()).toEqual(whole)

    rmSync(join(folder, PUBLIC))
    await expectRefusal(() => saveKeyPair(folder, other), 'ERR_KEY_FILE')
    expect(contents()).toEqual({ [PRIVATE]: soundKey })
  })

  it('are not added to where a public file is left over', async () => {
    const other = await freshPair('other', { extractable: true })
    place({ [PUBLIC]: keyText('keys/client.public.pem') })
    const before = contents()
    await expectRefusal(() => saveKeyPair(folder, other), 'ERR_KEY_FILE')
    expect(contents()).toEqual(before)
  })

  it('are not added to where a link leads nowhere', async () => {
    const other = await freshPair('other', { extractable: true })
    for (const name of [PRIVATE, PUBLIC]) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      symlinkSync(join(parent, 'nowhere'), join(folder, name))
      await expectRefusal(() => saveKeyPair(folder, other), 'ERR_KEY_FILE', name)
      expect(readdirSync(folder), name).toEqual([name])
      expect(existsSync(join(parent, 'nowhere')), name).toBe(false)
    }
  })
})

describe('what is not a key file', () => {
  it.each([PRIVATE, PUBLIC])('is refused: a folder named %s', async (name) => {
    place(name === PUBLIC ? { [PRIVATE]: keyText('keys/client.private.pem') } : {})
    mkdirSync(join(folder, name))
    await expectNoKeys()
  })

  it.skipIf(process.platform === 'win32').each([PRIVATE, PUBLIC])(
    'is refused without waiting: a pipe named %s',
    async (name) => {
      place(name === PUBLIC ? { [PRIVATE]: keyText('keys/client.private.pem') } : {})
      execFileSync('mkfifo', [join(folder, name)])
      await expectNoKeys()
    },
    5000,
  )

  it('is refused: a file where the folder should be', async () => {
    writeFileSync(folder, 'no folder')
    await expectNoKeys()
    const pair = await pairOf('keys/other.private.pem')
    await expectRefusal(() => saveKeyPair(folder, pair), 'ERR_KEY_FILE')
    expect(readFileSync(folder, 'utf8')).toBe('no folder')
  })

  it('is refused: a link to itself', async () => {
    mkdirSync(folder)
    symlinkSync(PRIVATE, join(folder, PRIVATE))
    await expectRefusal(() => loadOrCreateKeyPair(folder), 'ERR_KEY_FILE')
    expect(generateKeyPair).not.toHaveBeenCalled()
  })

  it('is refused unread: a file of gigabytes', async () => {
    place({ [PRIVATE]: '' })
    truncateSync(join(folder, PRIVATE), 3 * 1024 ** 3)
    await expectRefusal(() => loadOrCreateKeyPair(folder), 'ERR_KEY_LIMIT')
    expect(generateKeyPair).not.toHaveBeenCalled()
  })
})

it('no file stays open, whatever happens', async () => {
  generateFromVectors()
  const files: fs.FileHandle[] = []
  onOpened((file) => files.push(file))
  await loadOrCreateKeyPair(folder)
  writeFileSync(join(folder, PRIVATE), 'A'.repeat(65 * 1024))
  await expectRefusal(() => loadKeyPair(folder), 'ERR_KEY_LIMIT')
  rmSync(join(folder, PRIVATE))
  mkdirSync(join(folder, PRIVATE))
  await expectRefusal(() => loadKeyPair(folder), 'ERR_KEY_FILE')
  // Two written, two read; twice the public file and what is no key.
  expect(files.length).toBe(8)
  expect(files.map(({ fd }) => fd)).toEqual(Array<number>(8).fill(-1))
})

describe('saving', () => {
  it('writes what other programs read', async () => {
    const pair = await freshPair('other', { extractable: true })
    await saveKeyPair(folder, pair)
    expect(contents()).toEqual({
      [PRIVATE]: keyText('keys/other.private.pem'),
      [PUBLIC]: keyText('keys/other.public.pem'),
    })
  })

  it('needs an extractable key, and leaves nothing behind without one', async () => {
    const pair = await freshPair('other')
    await expectRefusal(() => saveKeyPair(folder, pair), 'ERR_KEY_NOT_EXTRACTABLE')
    expect(existsSync(folder)).toBe(false)
  })

  it('names a file only when it is complete', async () => {
    const pair = await freshPair('other', { extractable: true })
    const linked: Record<string, string> = {}
    vi.mocked(fs.link).mockImplementation(async (from, to) => {
      linked[basename(String(to))] = readFileSync(String(from), 'latin1')
      expect(readdirSync(folder)).not.toContain(basename(String(to)))
      return realFs.link(from, to)
    })
    await saveKeyPair(folder, pair)
    expect(linked).toEqual(contents())
  })

  it.each(['ENOSPC', 'EROFS', 'EACCES', 'EIO'])(
    'that fails with %s leaves nothing behind',
    async (code) => {
      const pair = await freshPair('other', { extractable: true })
      vi.mocked(fs.link).mockRejectedValue(Object.assign(new Error('no'), { code }))
      await expectRefusal(() => saveKeyPair(folder, pair), 'ERR_KEY_FILE')
      expect(readdirSync(folder)).toEqual([])
    },
  )

  it('that fails for the public file alone still gives the pair that was made', async () => {
    generateFromVectors()
    vi.mocked(fs.link).mockImplementation((from, to) =>
      basename(String(to)) === PUBLIC
        ? Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
        : realFs.link(from, to),
    )
    const { publicKey } = await loadOrCreateKeyPair(folder)
    expect(publicKey.fingerprint).toBe((await testPair('server')).publicKey.fingerprint)
    expect(readdirSync(folder)).toEqual([PRIVATE])
  })

  it('that fails halfway through a file leaves nothing behind', async () => {
    generateFromVectors()
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    onOpened((file, _path, flags) => {
      if (flags === 'wx') vi.spyOn(file, 'sync').mockRejectedValue(full)
    })
    await expectRefusal(() => loadOrCreateKeyPair(folder), 'ERR_KEY_FILE')
    expect(readdirSync(folder)).toEqual([])
  })

  if (isRoot) noteSkipped('Saving into a read-only folder', 'root may write everywhere')

  it.skipIf(isRoot || process.platform === 'win32')(
    'is refused by a read-only folder',
    async () => {
      generateFromVectors()
      mkdirSync(folder, { mode: 0o500 })
      await expectRefusal(() => loadOrCreateKeyPair(folder), 'ERR_KEY_FILE')
      expect(readdirSync(folder)).toEqual([])
      const below = join(folder, 'deeper')
      await expectRefusal(() => loadOrCreateKeyPair(below), 'ERR_KEY_FILE')
    },
  )
})
