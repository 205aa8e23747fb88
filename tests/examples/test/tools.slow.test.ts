import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { shared, temporaryFolder } from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { startProgram } from '@nomyo-internal/testing/program'
import { describe, expect, it } from 'vitest'
import { copyExample, isInstalled, type Example } from '../example.js'

const gateway = shared(() => startGatewayProcess())
const addressOf = (): string => `http://localhost:${gateway().port}`
/** Asks for an echo, so that the answer shows what arrived. */
const environment = () => ({ NOMYO_BASE_URL: addressOf(), MODEL: 'nomyo/echo' })

/** Runs a script of an example to its end. */
async function run(name: string, script = 'start', env: Record<string, string> = {}) {
  return runIn(await copyExample(name), script, env)
}

async function runIn(example: Example, script: string, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await example.run(script, env).ended
  return { code, stdout, stderr }
}

describe.runIf(isInstalled)('langchain-agent', () => {
  it('calls its tool, and gets the result back from the model', async () => {
    const { code, stdout } = await run('langchain-agent', 'start', environment())
    expect(stdout.split('\n')).toEqual([
      'human: How warm is it in Rome?',
      'ai calls temperature {"city":"Rome"}',
      'tool: 24 °C in Rome',
      'ai: 24 °C in Rome',
      '',
    ])
    expect(code).toBe(0)
  })
})

describe.runIf(isInstalled)('a program without a gateway', () => {
  it('ends with one line', async () => {
    const nowhere = { NOMYO_BASE_URL: 'http://localhost:1' }
    const ended = await Promise.all(
      ['langchain-agent', 'rag'].map((name) => run(name, 'start', nowhere)),
    )
    for (const { code, stderr } of ended) {
      // The other lines are the warning of Node about plain HTTP.
      const lines = stderr.split('\n').filter((line) => !/^(?:\(|$)/.test(line))
      expect({ code, lines }).toEqual({ code: 1, lines: [expect.stringMatching(/^ERR_NETWORK: /)] })
    }
  })
})

describe.runIf(isInstalled)('rag', () => {
  it('answers from the passage that is nearest to the question', async () => {
    const { code, stdout } = await run('rag', 'start', environment())
    const [ranking = '', answer = ''] = stdout.split('\n\n')
    expect(ranking).toMatch(/^0\.\d\d {2}Tulips are planted in autumn/)
    expect(answer).toMatch(/^Tulips are planted in autumn/)
    expect(stdout).toContain('Question: How deep do I plant tulips?')
    expect(stdout).not.toContain('Compost')
    expect(code).toBe(0)
  })
})

const TOKEN = 'the-token-of-the-examples'
const home = temporaryFolder()
const proxy = shared(async () => {
  const main = fileURLToPath(new URL('../../../apps/proxy/bin/nomyo-proxy.js', import.meta.url))
  const args = ['--gateway', addressOf(), '--allow-http', '--port', '0']
  const env = { HOME: home, NOMYO_PROXY_TOKEN: TOKEN }
  const program = startProgram(process.execPath, [main, ...args], { env })
  return { ...program, url: await program.prints(/^listening on (\S+)$/m) }
})

/** The address at which the proxy listens by default, which all files name. */
const ADDRESS = 'http://127.0.0.1:12436'

/** Copies an example, with the address of the proxy of this test in one of its files. */
async function copyFor(name: string, file: string): Promise<Example> {
  const example = await copyExample(name)
  await replaceIn(example, file, ADDRESS, proxy().url)
  return example
}

async function replaceIn(example: Example, file: string, from: string, to: string) {
  const path = join(example.folder, file)
  const text = await readFile(path, 'utf8')
  expect(text).toContain(from)
  await writeFile(path, text.replaceAll(from, to))
}

/** Sends the requests of a chat interface: for the list of models, and for an answer as a stream. */
async function chat(baseUrl: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const list = await fetch(`${baseUrl}/models`, { headers })
  const { data } = (await list.json()) as { data: { id: string }[] }
  const answer = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      model: data[1]?.id,
      messages: [{ role: 'user', content: 'Grüße' }],
      stream: true,
      stream_options: { include_usage: true },
    }),
  })
  const events = await answer.text()
  const texts = [...events.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text)
  return {
    status: answer.status,
    text: texts.join(''),
    isWhole: /^data: \[DONE\]$/m.test(events),
  }
}
const ECHOED = { status: 200, text: 'Grüße', isWhole: true }

describe.runIf(isInstalled)('continue', () => {
  it('has a configuration that its schema accepts', async () => {
    const example = await copyExample('continue')
    expect(await runIn(example, 'check')).toMatchObject({ code: 0, stderr: '' })
    await replaceIn(example, 'config.yaml', 'roles: [embed]', 'roles: [none]')
    expect((await runIn(example, 'check')).code).toBe(1)
  })

  it('answers through the proxy, in a terminal', async () => {
    const example = await copyFor('continue', 'config.yaml')
    const HOME = temporaryFolder()
    const places = { HOME, CONTINUE_GLOBAL_DIR: join(HOME, '.continue') }
    const env = { ...places, CONTINUE_CLI_ENABLE_TELEMETRY: '0', NOMYO_PROXY_TOKEN: TOKEN }
    const { code, stdout } = await runIn(example, 'ask', env)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\[demo engine/) })
  })
})

describe.runIf(isInstalled)('librechat', () => {
  it.each([
    ['as it is', '', '', 0],
    ['a value of another type', 'titleConvo: true', 'titleConvo: 1', 1],
    ['an unknown member', 'titleModel', 'titelModel', 1],
  ])('has a configuration that its schema accepts: %s', async (_what, right, wrong, code) => {
    const example = await copyExample('librechat')
    await replaceIn(example, 'librechat.yaml', right, wrong)
    expect(await runIn(example, 'check')).toMatchObject({ code })
  })

  it('leads to the proxy, with the variables that its head names', async () => {
    const { folder } = await copyFor('librechat', 'librechat.yaml')
    const text = await readFile(join(folder, 'librechat.yaml'), 'utf8')
    const [, NOMYO_PROXY_URL = ''] = /^# +NOMYO_PROXY_URL=(\S+)$/m.exec(text) ?? []
    const env = { NOMYO_PROXY_URL, NOMYO_PROXY_TOKEN: TOKEN }
    await writeFile(join(folder, 'read.js'), READ_AS_LIBRECHAT)
    const { stdout } = await startProgram(process.execPath, ['read.js'], { cwd: folder, env }).ended
    const { url, key } = JSON.parse(stdout) as { url: string; key: string }
    expect(await chat(url, key)).toEqual(ECHOED)
  })
})

/** Prints the address and the key of the first endpoint, with the variables that LibreChat fills in. */
const READ_AS_LIBRECHAT = `
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { configSchema, extractEnvVariable } from 'librechat-data-provider'
const { endpoints } = configSchema.parse(load(readFileSync('librechat.yaml', 'utf8')))
const [{ baseURL, apiKey }] = endpoints.custom
console.log(JSON.stringify({ url: extractEnvVariable(baseURL), key: extractEnvVariable(apiKey) }))
`

describe('open-webui', () => {
  it('leads to the proxy, as lines that docker and the shell read alike', async () => {
    const file = new URL('../../../examples/open-webui/open-webui.env', import.meta.url)
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => /^[^#]/.test(line))
    // Without blanks, quotes and characters of the shell.
    for (const line of lines) expect(line).toMatch(/^[A-Z_]+=[\w.:/-]+$/)
    const variables = Object.fromEntries(lines.map((line) => line.split('=', 2))) as Record<
      string,
      string
    >
    const { OPENAI_API_BASE_URL = '', ENABLE_OLLAMA_API } = variables
    expect(ENABLE_OLLAMA_API).toBe('false')
    expect(OPENAI_API_BASE_URL).toContain(ADDRESS)
    expect(await chat(OPENAI_API_BASE_URL.replace(ADDRESS, proxy().url), TOKEN)).toEqual(ECHOED)
  })
})
