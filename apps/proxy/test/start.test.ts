import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  API_KEY,
  SECRETS,
  TOKEN,
  argsFor,
  ask,
  caller,
  complete,
  hello,
  newProxy,
  policyArgs,
  refusalCode,
  runProxy,
  testProxy,
  useGateway,
  fingerprint,
} from './support.js'

const gateway = useGateway()
const otherPin = `sha256/${'A'.repeat(43)}=`

interface LogLine {
  readonly level: number
  readonly msg: string
}

/** Expects a start that ends without having listened, with one line that matches. */
async function expectRefused(
  args: readonly string[],
  line: RegExp,
  env: NodeJS.ProcessEnv = SECRETS,
): Promise<void> {
  const { code, stdout, stderr } = await runProxy([...argsFor(gateway()), ...args], env)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as LogLine)
  const reasons = lines.filter(({ level }) => level === 60)
  expect(reasons).toHaveLength(1)
  expect(reasons[0]?.msg).toMatch(line)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(stderr).not.toContain('canary')
}

describe('the server key', () => {
  it('is stored on first use, and known later', async () => {
    const folder = temporaryFolder()
    const identities = new Set<string>()
    for (const standing of ['first-use', 'known'] as const) {
      const proxy = await newProxy(gateway(), [], SECRETS, folder)
      expect(proxy.trust).toMatchObject({ standing, wire: { version: 2, reason: standing } })
      identities.add(proxy.trust.fingerprint)
      await proxy.stop()
    }
    const file = join(folder, '.nomyo', 'known_servers')
    expect(identities.size).toBe(1)
    for (const known of [...identities, fingerprint]) {
      expect(readFileSync(file, 'utf8')).toMatch(`${gateway()} ${known} `)
    }
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['1', { version: 1, reason: 'configured', statementSha256: null }],
    ['2', { version: 2, reason: 'first-use', statementSha256: /^[0-9a-f]{64}$/ }],
  ])(
    'is that of the wire that is chosen: --wire %s',
    async (wire, { statementSha256, ...facts }) => {
      const proxy = await testProxy(gateway(), ['--wire', wire])
      expect(proxy.trust.wire).toMatchObject(facts)
      if (statementSha256 === null) expect(proxy.trust.wire.statementSha256).toBeNull()
      else expect(proxy.trust.wire.statementSha256).toMatch(statementSha256)
      const health = JSON.parse((await ask(`${proxy.url}/health`)).body) as object
      expect(health).toMatchObject({ wire: facts, fingerprint: proxy.trust.fingerprint })
    },
  )

  it.each([
    [['--pin', otherPin, '--pin', fingerprint], {}, 'pinned'],
    [[], { HOME: '' }, 'any'],
    [['--known-servers', 'none'], {}, 'any'],
  ] as const)('is not stored with %j %j', async (args, env, standing) => {
    const proxy = await testProxy(gateway(), args, { ...SECRETS, ...env })
    expect(proxy.trust.standing).toBe(standing)
    expect(() => statSync(join(proxy.folder, '.nomyo'))).toThrow()
  })

  it('is refused where another one is pinned or known', async () => {
    await expectRefused(['--pin', otherPin], /ERR_KEY_MISMATCH/)
    const folder = temporaryFolder()
    mkdirSync(join(folder, '.nomyo'))
    writeFileSync(join(folder, '.nomyo', 'known_servers'), `${gateway()} ${otherPin} 2026-01-01\n`)
    await expectRefused([], /ERR_SERVER_KEY_CHANGED/, { ...SECRETS, HOME: folder })
  })
})

describe('a start is refused', () => {
  it('where nothing answers, or something that is no gateway', async () => {
    await expectRefused(['--gateway', 'http://127.0.0.1:9'], /ERR_NETWORK.*--gateway/)
    await expectRefused(['--gateway', `${gateway()}/elsewhere`], /ERR_NOT_FOUND/)
  })

  it('for a machine that does not meet the policy', async () => {
    const home = { ...SECRETS, HOME: temporaryFolder() }
    await expectRefused(policyArgs('000b' + '00'.repeat(32)), /ERR_ATTESTATION_FAILED/, home)
    // Its key is not known to the next program either.
    expect(() => statSync(join(home.HOME, '.nomyo', 'known_servers'))).toThrow('ENOENT')
  })

  const folder = temporaryFolder()
  writeFileSync(join(folder, 'not-a-policy'), '{}')
  const repeated = '{"format":"nomyo-attestation-policy/1","trust":"none","trust":"none"}'
  writeFileSync(join(folder, 'repeated-member'), repeated)
  writeFileSync(join(folder, 'writable'), '{}')
  chmodSync(join(folder, 'writable'), 0o666)
  writeFileSync(join(folder, 'short'), 'canary')
  writeFileSync(join(folder, 'two lines'), 'canary\ncanary')
  const token = { NOMYO_PROXY_TOKEN: TOKEN }
  it.each([
    ['--policy', 'missing', SECRETS, /--policy .*ENOENT/],
    ['--policy', 'not-a-policy', SECRETS, /ERR_POLICY_INVALID/],
    ['--policy', 'repeated-member', SECRETS, /ERR_POLICY_INVALID/],
    ['--policy', 'writable', SECRETS, /--policy .*chmod go-w/],
    ['--policy', '.', SECRETS, /--policy/],
    ['--token-file', 'short', {}, /--token-file/],
    ['--token-file', 'short/token', {}, /--token-file .*ENOTDIR/],
    ['--api-key-file', 'missing', token, /--api-key-file .*ENOENT/],
    ['--api-key-file', 'two lines', token, /--api-key-file/],
    ['--known-servers', '.', SECRETS, /ERR_KEY_FILE.*--known-servers/],
  ])('for an unusable file: %s %s', async (option, file, env, line) => {
    await expectRefused([option, join(folder, file)], line, env)
  })

  it('where the port is taken', async () => {
    await expectRefused(['--port', new URL(gateway()).port], /--port/)
  })
})

describe('the token file', () => {
  it('is created, lasts, and is recommended to be private', async () => {
    const folder = temporaryFolder()
    const path = join(folder, '.nomyo', 'token')
    const start = () =>
      newProxy(gateway(), ['--token-file', path], { NOMYO_API_KEY: API_KEY }, folder)
    for (const time of ['created', 'read']) {
      const proxy = await start()
      const token = readFileSync(path, 'utf8').trim()
      expect(token, time).toMatch(/^nomyo_local_[\w-]{43}$/)
      const authorization = `Bearer ${token}`
      expect((await complete(proxy, hello(), { authorization })).status).toBe(200)
      expect((await complete(proxy)).status).toBe(401)
      expect(proxy.log()).not.toContain(token)
      expect(proxy.log()).not.toMatch(/ warn {2}--token-file/)
      await proxy.stop()
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, '.nomyo')).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o644)
    const proxy = await start()
    expect(proxy.log()).toMatch(/ warn {2}--token-file/)
    await proxy.stop()
  })

  it('is refused where other users could have written it', async () => {
    const path = join(temporaryFolder(), 'token')
    const args = ['--token-file', path, '--quiet']
    writeFileSync(path, TOKEN)
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode)
      await expectRefused(args, /--token-file/, {})
    }
    // Only the superuser can change the owner.
    if (process.getuid?.() !== 0) return
    chmodSync(path, 0o600)
    chownSync(path, 65534, 65534)
    await expectRefused(args, /--token-file/, {})
  })
})

it.each([
  [`${API_KEY}\n`, 200],
  ['another-key', 401],
])('the API key comes from a file; %j has the status %i at the gateway', async (key, status) => {
  const path = join(temporaryFolder(), 'key')
  writeFileSync(path, key, { mode: 0o600 })
  const env = { NOMYO_PROXY_TOKEN: TOKEN }
  const proxy = await testProxy(gateway(), ['--api-key-file', path], env)
  const models = await ask(`${proxy.url}/v1/models`, { headers: caller() })
  for (const answer of [await complete(proxy), models]) {
    if (status === 200) expect(answer.status).toBe(200)
    else expect(refusalCode(answer, status)).toBe('ERR_AUTHENTICATION')
  }
})
