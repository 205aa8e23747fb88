import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { importPublicKey } from '@nomyo/crypto'
import { describe, expect, it } from 'vitest'
import {
  API_KEY,
  ask,
  caller,
  complete,
  completion,
  hello,
  refusalCode,
  runGateway,
  runProxy,
  temporaryFolder,
  TOKEN,
  towards,
  useGateway,
  useModelServer,
  type Run,
} from './support.js'

const gateway = useGateway()
const { fingerprint } = await importPublicKey(keyPem('keys/server.public.pem'))
const otherPin = `sha256/${'A'.repeat(43)}=`

/** Ended without having listened, with one line that says why. */
async function refusedWith(proxy: Run, code: RegExp): Promise<void> {
  const { code: exitCode, stdout, stderr } = await proxy.ended
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  const said = stderr.split('\n').filter((line) => line.startsWith('nomyo-proxy: '))
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(code)
  expect(stderr).not.toMatch(/^\s+at /m)
}

describe('a start', () => {
  it('remembers the key it saw first, and says on which terms it is believed', async () => {
    const folder = temporaryFolder()
    for (const standing of ['first use', 'known']) {
      const proxy = runProxy(towards(gateway()), undefined, folder)
      await proxy.ready()
      expect(proxy.stdout()).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/)
      expect(proxy.stderr()).toContain(`server key: ${fingerprint} (${standing}`)
      expect(proxy.stderr()).not.toContain(TOKEN)
      expect((await proxy.stop()).code).toBe(0)
    }
    const file = join(folder, '.nomyo', 'known_servers')
    expect(readFileSync(file, 'utf8')).toMatch(`${gateway()} ${fingerprint} `)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('leaves no file behind with a pin, without a home, or with none', async () => {
    for (const [args, env, standing] of [
      [['--pin', otherPin, '--pin', fingerprint], {}, '(pinned)'],
      [[], { HOME: '' }, '(neither'],
      [['--known-servers', 'none'], {}, '(neither'],
    ] as const) {
      const folder = temporaryFolder()
      const settings = { NOMYO_PROXY_TOKEN: TOKEN, ...env }
      const proxy = runProxy([...towards(gateway()), ...args], settings, folder)
      await proxy.ready()
      expect(proxy.stderr()).toContain(standing)
      expect(() => statSync(join(folder, '.nomyo'))).toThrow()
      // Not by a signal it would obey once it has made its key.
      proxy.child.kill('SIGKILL')
    }
  })

  it('is refused for a key that is not pinned', async () => {
    await refusedWith(runProxy([...towards(gateway()), '--pin', otherPin]), /ERR_KEY_MISMATCH/)
  })

  it('is refused for a key that changed', async () => {
    const folder = temporaryFolder()
    const file = join(folder, '.nomyo', 'known_servers')
    mkdirSync(join(folder, '.nomyo'))
    writeFileSync(file, `${gateway()} ${otherPin} 2026-01-01\n`)
    await refusedWith(runProxy(towards(gateway()), undefined, folder), /ERR_SERVER_KEY_CHANGED/)
  })

  it('is refused where nothing answers, or something else does', async () => {
    await refusedWith(runProxy(towards('http://127.0.0.1:9')), /ERR_NETWORK.*--gateway/)
    await refusedWith(runProxy(towards(`${gateway()}/elsewhere`)), /ERR_NOT_FOUND/)
  })

  it('is refused for a machine that cannot prove what the policy demands', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'policy.json'), policyFor('000b' + '00'.repeat(32)))
    const proxy = runProxy([...towards(gateway()), '--policy', 'policy.json'], undefined, folder)
    await refusedWith(proxy, /ERR_ATTESTATION_FAILED/)
  })

  it('is refused for files that cannot be used', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'not-a-policy'), '{}')
    writeFileSync(join(folder, 'short'), 'canary')
    writeFileSync(join(folder, 'two lines'), 'canary\ncanary')
    const bare = {}
    for (const [args, env, code] of [
      [['--policy', 'missing'], undefined, /--policy .*ENOENT/],
      [['--policy', 'not-a-policy'], undefined, /ERR_POLICY_INVALID/],
      [['--token-file', 'short'], bare, /--token-file/],
      [['--token-file', 'short/token'], bare, /--token-file .*ENOTDIR/],
      [['--api-key-file', 'missing'], { NOMYO_PROXY_TOKEN: TOKEN }, /--api-key-file .*ENOENT/],
      [['--api-key-file', 'two lines'], { NOMYO_PROXY_TOKEN: TOKEN }, /--api-key-file/],
      [['--known-servers', '.'], undefined, /ERR_KEY_FILE.*--known-servers/],
    ] as const) {
      const proxy = runProxy([...towards(gateway()), ...args], env, folder)
      await refusedWith(proxy, code)
      expect(proxy.stderr()).not.toContain('canary')
    }
  })

  it('is refused where the port is taken', async () => {
    const port = new URL(gateway()).port
    await refusedWith(runProxy([...towards(gateway()), '--port', port]), /--port/)
  })

  it('keeps a token in a file of its own, which lasts', async () => {
    const folder = temporaryFolder()
    const path = join(folder, '.nomyo', 'token')
    const settings = { NOMYO_API_KEY: API_KEY }
    const args = [...towards(gateway()), '--token-file', '.nomyo/token']
    for (const time of ['made', 'read']) {
      const proxy = runProxy(args, settings, folder)
      const url = await proxy.ready()
      const token = readFileSync(path, 'utf8').trim()
      expect(token, time).toMatch(/^nomyo_local_[\w-]{43}$/)
      const authorization = `Bearer ${token}`
      expect((await complete({ url }, hello(), { authorization })).status).toBe(200)
      expect((await complete({ url })).status).toBe(401)
      expect(proxy.stderr()).not.toContain(token)
      expect(proxy.stderr()).not.toMatch(/ warn --token-file/)
      await proxy.stop()
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, '.nomyo')).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o644)
    const proxy = runProxy(args, settings, folder)
    await proxy.ready()
    expect(proxy.stderr()).toMatch(/ warn --token-file/)
  })

  it('is refused for a file of tokens that others could have written', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'token')
    const start = (): Run =>
      runProxy([...towards(gateway()), '--token-file', 'token', '--quiet'], {}, folder)
    writeFileSync(path, TOKEN)
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode)
      await refusedWith(start(), /--token-file/)
    }
    // Only the superuser gives files away.
    if (process.getuid?.() !== 0) return
    chmodSync(path, 0o600)
    chownSync(path, 65534, 65534)
    await refusedWith(start(), /--token-file/)
  })

  it('takes the key for the gateway from a file, and tells a wrong one by what the gateway says', async () => {
    const folder = temporaryFolder()
    const settings = { NOMYO_PROXY_TOKEN: TOKEN }
    for (const [key, status] of [
      [`${API_KEY}\n`, 200],
      ['another-key', 401],
    ] as const) {
      writeFileSync(join(folder, 'key'), key, { mode: 0o600 })
      const args = [...towards(gateway()), '--api-key-file', 'key']
      const url = await runProxy(args, settings, folder).ready()
      const answer = await complete({ url })
      if (status === 200) expect(answer.status).toBe(200)
      else expect(refusalCode(answer, status)).toBe('ERR_AUTHENTICATION')
      const models = await ask(`${url}/v1/models`, { headers: caller() })
      if (status === 200) expect(models.status).toBe(200)
      else expect(refusalCode(models, status)).toBe('ERR_AUTHENTICATION')
    }
  })

  it('says errors only with --quiet', async () => {
    const proxy = runProxy([...towards(gateway()), '--quiet'])
    const url = await proxy.ready()
    expect((await complete({ url })).status).toBe(200)
    expect((await proxy.stop()).stderr).toBe('')
  })
})

describe('while it serves', () => {
  it('says so when the gateway has gone, and serves again when it is back', async () => {
    const first = runGateway(['--engine', 'demo'])
    const address = await first.ready()
    const url = await runProxy(towards(address)).ready()
    expect((await complete({ url })).status).toBe(200)
    await first.stop()
    expect(refusalCode(await complete({ url }), 502)).toBe('ERR_NETWORK')
    const models = await ask(`${url}/v1/models`, { headers: caller() })
    expect(refusalCode(models, 502)).toBe('ERR_NETWORK')
    const second = runGateway(['--engine', 'demo'], 'server', Number(new URL(address).port))
    await second.ready()
    expect((await complete({ url })).status).toBe(200)
    await second.stop()

    // The same address with another key: nothing is sealed for it, and health says why.
    const third = runGateway(['--engine', 'demo'], 'client', Number(new URL(address).port))
    await third.ready()
    expect(refusalCode(await complete({ url }), 406)).toBe('ERR_SERVER_KEY_CHANGED')
    const health = await ask(`${url}/health`)
    expect(health.status).toBe(503)
    expect(JSON.parse(health.body)).toMatchObject({ status: 'ERR_SERVER_KEY_CHANGED', fingerprint })
    await third.stop()
  })
})

const PATIENT = { timeout: 20_000 }
const model = useModelServer()
const slowGateway = useGateway(() => ['--upstream', model.url])

describe('completions under way', () => {
  it('are as many as was allowed, and are finished after a signal', async () => {
    const proxy = runProxy([...towards(slowGateway()), '--max-concurrency', '1'])
    const url = await proxy.ready()
    const arrived = new Promise<() => void>((resolve) => {
      model.answer = (response) => {
        resolve(() => response.end(completion({ content: 'at last' })))
      }
    })
    const first = complete({ url })
    const finish = await arrived
    const second = await complete({ url })
    expect(refusalCode(second, 429)).toBe('ERR_TOO_MANY_REQUESTS')
    expect(second.headers['retry-after']).toBe('1')
    proxy.child.kill('SIGTERM')
    await expect.poll(() => proxy.stderr()).toContain('SIGTERM')
    finish()
    expect((await first).body).toContain('at last')
    expect((await proxy.ended).code).toBe(0)
  })

  it('are given up when the connection goes, also those that wait for their turn on it', async () => {
    const proxy = runProxy([...towards(slowGateway()), '--max-concurrency', '2'])
    const url = await proxy.ready()
    let arrived = 0
    let givenUp = 0
    model.answer = (response) => {
      arrived++
      response.once('close', () => givenUp++)
    }
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const headers = Object.entries({ host: 'localhost', ...caller() })
    socket.write(
      (
        'POST /v1/chat/completions HTTP/1.1\r\n' +
        headers.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
        `content-length: ${hello().length}\r\n\r\n${hello()}`
      ).repeat(2),
    )
    await expect.poll(() => arrived, PATIENT).toBe(2)
    socket.destroy()
    await expect.poll(() => givenUp, PATIENT).toBe(2)
    await expect.poll(() => proxy.stderr().match(/ gone /g), PATIENT).toHaveLength(2)

    const places: ServerResponse[] = []
    model.answer = (response) => places.push(response)
    const next = [complete({ url }), complete({ url })]
    await expect.poll(() => places, PATIENT).toHaveLength(2)
    for (const response of places) response.end(completion({ content: 'hi' }))
    for (const answer of next) expect((await answer).status).toBe(200)
    expect((await proxy.stop()).code).toBe(0)
  })

  it('are given up at the second signal', async () => {
    const proxy = runProxy(towards(slowGateway()))
    const url = await proxy.ready()
    const arrived = new Promise<void>((resolve) => {
      model.answer = () => resolve()
    })
    const asked = complete({ url }).catch((error: unknown) => error)
    await arrived
    proxy.child.kill('SIGINT')
    await expect.poll(() => proxy.stderr()).toContain('SIGINT')
    proxy.child.kill('SIGINT')
    expect((await proxy.ended).code).toBe(1)
    expect(await asked).toBeInstanceOf(Error)
  })
})

/** Runs a program on a terminal of its own, and asks it for models with the token it shows. */
const ON_A_TERMINAL = `
import json, os, pty, re, signal, sys, urllib.error, urllib.request
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
screen = ""
def read():
    global screen
    try:
        text = os.read(terminal, 65536).decode()
    except OSError:
        return False
    screen += text
    return text != ""
while "listening on" not in screen and read():
    pass
url = re.search(r"OPENAI_BASE_URL=(\\S+)", screen).group(1)
token = re.search(r"OPENAI_API_KEY=(\\S+)", screen).group(1)
request = urllib.request.Request(url + "/models", headers={"Authorization": "Bearer " + token})
try:
    answered = urllib.request.urlopen(request, timeout=30).status
except urllib.error.HTTPError as error:
    answered = error.code if json.load(error)["error"]["code"] == "ERR_AUTHENTICATION" else 0
os.kill(pid, signal.SIGTERM)
while read():
    pass
os.waitpid(pid, 0)
print(json.dumps({"screen": screen, "answered": answered}))
`
const MAIN = new URL('../dist/main.js', import.meta.url).pathname

const hasPython = isFound()
if (!hasPython) console.info('the first screen on a terminal skipped: no python3')

describe.skipIf(!hasPython)('on a terminal', () => {
  it('the first screen shows a new token, ready to paste, and the token is good', async () => {
    const folder = temporaryFolder()
    const { stdout } = await promisify(execFile)(
      'python3',
      ['-c', ON_A_TERMINAL, process.execPath, MAIN, ...towards(gateway())],
      { env: { PATH: process.env['PATH'], HOME: folder }, cwd: folder },
    )
    const { screen, answered } = JSON.parse(stdout) as { screen: string; answered: number }
    expect(screen).toContain(`  gateway      ${gateway()}`)
    expect(screen).toContain(`  server key   ${fingerprint} (first use`)
    expect(screen).toContain('  attestation  none asked for')
    expect(screen).toMatch(/^ {2}export OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1\r?$/m)
    expect(screen).toMatch(/^ {2}export OPENAI_API_KEY=nomyo_local_[\w-]{43}\r?$/m)
    expect(screen.match(/nomyo_local_/g)).toHaveLength(1)
    expect(screen).toContain('NOMYO_API_KEY')
    expect(screen).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\r?$/m)
    // The gateway wants a key, and none was given: not the caller's.
    expect(answered).toBe(401)
  })
})

const policyFor = (akName: string): string =>
  JSON.stringify({
    format: 'nomyo-attestation-policy/1',
    requiredPcrs: 'sha256:0,7,10',
    trust: [{ pinnedAk: akName }],
  })

function isFound(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
