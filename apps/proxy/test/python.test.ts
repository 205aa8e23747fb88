import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { isInstalled, shared } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { TOKEN, newProxy, useGateway } from './support.js'

const gateway = useGateway()
const proxy = shared(() => newProxy(gateway()))

/** The standard library alone: plain HTTP and server-sent events, as any program would read them. */
const PROGRAM = `
import json, sys, urllib.error, urllib.request

def ask(path, body=None, token=sys.argv[2]):
    request = urllib.request.Request(sys.argv[1] + path, data=body and json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + token)
    request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=30)

def chat(text, **more):
    return {"model": "nomyo/echo", "messages": [{"role": "user", "content": text}], **more}

text = "Grüße, 世界! 👩‍👩‍👧 " * 40
plain = json.load(ask("/chat/completions", chat(text)))
streamed, done = "", False
for line in ask("/chat/completions", chat(text, stream=True)):
    line = line.decode().rstrip("\\n")
    if line == "" or line.startswith(":"):
        continue
    assert line.startswith("data: "), line
    if line == "data: [DONE]":
        done = True
        continue
    assert not done
    streamed += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
models = [model["id"] for model in json.load(ask("/models"))["data"]]
try:
    ask("/models", token="wrong")
    refused = None
except urllib.error.HTTPError as error:
    refused = [error.code, json.load(error)["error"]["code"]]
print(json.dumps({
    "plain": plain["choices"][0]["message"]["content"] == text,
    "streamed": streamed == text,
    "done": done,
    "models": models,
    "refused": refused,
}))
`

describe.skipIf(!isInstalled('python3'))('Python', () => {
  it('reads completions, streams, models and refusals', async () => {
    const { stdout } = await promisify(execFile)(
      'python3',
      ['-c', PROGRAM, `${proxy().url}/v1`, TOKEN],
      { env: { ...process.env, PYTHONIOENCODING: 'utf-8', no_proxy: '*' } },
    )
    expect(JSON.parse(stdout)).toEqual({
      plain: true,
      streamed: true,
      done: true,
      models: ['nomyo/demo', 'nomyo/echo'],
      refused: [401, 'ERR_LOCAL_TOKEN'],
    })
  })
})
