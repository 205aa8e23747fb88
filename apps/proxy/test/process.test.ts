import { execFile } from 'node:child_process'
import type { ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { completionOf, isInstalled, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  MAIN,
  SECRETS,
  TOKEN,
  argsFor,
  ask,
  complete,
  startProxyProcess,
  useGateway,
  useModel,
} from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)

describe('the process', () => {
  it('finishes completions in flight after a signal', async () => {
    const proxy = await startProxyProcess(argsFor(gateway()), temporaryFolder())
    const { url } = proxy
    const arrived = new Promise<ServerResponse>((resolve) => (model.complete = resolve))
    const answer = complete({ url })
    const response = await arrived
    proxy.kill('SIGTERM')
    await expect.poll(() => proxy.stderr()).toContain('SIGTERM')
    response.end(completionOf({ content: 'at last' }))
    expect((await answer).body).toContain('at last')
    const { code, stdout, stderr } = await proxy.ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: `listening on ${url}\n` })
    expect(stderr).toMatch(/wire: 2, key statement [0-9a-f]{64}/)
    expect(stderr).toMatch(/identity: sha256\/\S+ \(first use/)
    expect(stderr).not.toContain(TOKEN)
  })

  it('drops them at the second signal, and is silent with --quiet until then', async () => {
    const proxy = await startProxyProcess([...argsFor(gateway()), '--quiet'], temporaryFolder())
    const { url } = proxy
    model.complete = (response) => response.end(completionOf({ content: 'hi' }))
    expect((await complete({ url })).status).toBe(200)
    const arrived = new Promise((resolve) => (model.complete = resolve))
    const answer = complete({ url }).catch((error: unknown) => error)
    await arrived
    proxy.kill('SIGINT')
    // New connections are refused once the first signal has arrived.
    await expect
      .poll(() => ask(`${url}/health`).then(String, (error: unknown) => String(error)))
      .toContain('ECONNREFUSED')
    proxy.kill('SIGINT')
    const { code, stderr } = await proxy.ended
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(await answer).toBeInstanceOf(Error)
  })
})

describe('a signal', () => {
  it('does not open a debugger, and ends the proxy after the time for completions', async () => {
    const args = [...argsFor(gateway()), '--drain-timeout', '1s']
    const proxy = await startProxyProcess(args, temporaryFolder())
    const { url } = proxy
    proxy.kill('SIGUSR1')
    expect((await ask(`${url}/health`)).status).toBe(200)
    expect(proxy.stderr()).not.toMatch(/debugger/i)
    const arrived = new Promise((resolve) => (model.complete = resolve))
    const answer = complete({ url }).catch((error: unknown) => error)
    await arrived
    // A terminal that closes sends this one.
    proxy.kill('SIGHUP')
    expect((await proxy.ended).code).toBe(1)
    expect(await answer).toBeInstanceOf(Error)
  })

  it('of a service of Kubernetes does not stop the start', async () => {
    const env = { ...SECRETS, NOMYO_PROXY_PORT: 'tcp://10.96.0.1:12436' }
    const proxy = await startProxyProcess(argsFor(gateway()), temporaryFolder(), env)
    expect(proxy.stderr()).toContain('NOMYO_PROXY_PORT')
    expect((await ask(`${proxy.url}/health`)).status).toBe(200)
    expect((await proxy.stop()).code).toBe(0)
  })
})

/** Runs a program on a terminal of its own, and requests models with the token that it shows. */
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

describe.skipIf(!isInstalled('python3'))('on a terminal', () => {
  it('the banner shows a new token, ready to paste, and the token is accepted', async () => {
    const folder = temporaryFolder()
    const { stdout } = await promisify(execFile)(
      'python3',
      ['-c', ON_A_TERMINAL, process.execPath, MAIN, ...argsFor(gateway())],
      { env: { PATH: process.env['PATH'], HOME: folder }, cwd: folder },
    )
    const { screen, answered } = JSON.parse(stdout) as { screen: string; answered: number }
    expect(screen).toContain(`  gateway      ${gateway()}`)
    expect(screen).toMatch(/^ {2}wire {9}2, key statement [0-9a-f]{64}\r?$/m)
    expect(screen).toMatch(/^ {2}identity {5}sha256\/\S+ \(first use/m)
    expect(screen).toContain('  attestation  not required')
    expect(screen).toMatch(/^ {2}export OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1\r?$/m)
    expect(screen).toMatch(/^ {2}export OPENAI_API_KEY=nomyo_local_[\w-]{43}\r?$/m)
    expect(screen.match(/nomyo_local_/g)).toHaveLength(1)
    expect(screen).toContain('NOMYO_API_KEY')
    expect(screen).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\r?$/m)
    // The gateway requires a key, and none was set: the caller's token is not sent instead.
    expect(answered).toBe(401)
  })
})
