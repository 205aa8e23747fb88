import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  installedNodeLlamaCpp,
  TINY_TEXT,
  temporaryFolder,
  writeTinyModel,
} from '@nomyo-internal/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = await installedNodeLlamaCpp()

/** The part of the library that is used here. */
interface Library {
  getLlama(options: object): Promise<Llama>
  LlamaChatSession: new (options: object) => Session
}
interface Llama {
  loadModel(options: object): Promise<{ createContext(options: object): Promise<Context> }>
  createGrammarForJsonSchema(schema: object): Promise<object>
  dispose(): Promise<void>
}
interface Context {
  getSequence(): object
}
interface Session {
  prompt(text: string, options?: object): Promise<string>
  dispose(options: object): void
}

describe.skipIf(folder === undefined)('a tiny model in the real library', () => {
  const path = join(temporaryFolder(), 'tiny.gguf')
  let library: Library
  let llama: Llama
  let context: Context

  beforeAll(async () => {
    writeTinyModel(path)
    const main = join(folder ?? '', 'node_modules/node-llama-cpp/dist/index.js')
    library = (await import(pathToFileURL(main).href)) as Library
    llama = await library.getLlama({ gpu: false, build: 'never' })
    const model = await llama.loadModel({ modelPath: path })
    context = await model.createContext({ contextSize: 2048, threads: 1 })
  })
  afterAll(() => llama.dispose())

  const ask = async (question: string, options?: object): Promise<string> => {
    const session = new library.LlamaChatSession({ contextSequence: context.getSequence() })
    const answer = await session.prompt(question, options)
    session.dispose({ disposeSequence: true })
    return answer
  }

  it('is the same file every time', () => {
    const again = `${path}.again`
    writeTinyModel(again)
    const [one, other] = [path, again].map((file) =>
      createHash('sha256').update(readFileSync(file)).digest('hex'),
    )
    expect(other).toBe(one)
  })

  it.each([
    ['Hi', TINY_TEXT],
    ['say the numbers', /^one two three .* twenty$/],
    ['go on forever', /^on and again on and again on and again on$/],
    ['a colour', /^(red|green|blue|white|black|yellow|brown|pink)$/],
  ])('answers %j as it is told, hot or cold', async (question, answer) => {
    for (const temperature of [0, 1.5]) {
      const maxTokens = question.includes('forever') ? 10 : 100
      expect(await ask(question, { temperature, maxTokens })).toMatch(answer)
    }
  })

  it('ends JSON as soon as a grammar allows it', async () => {
    const grammar = await llama.createGrammarForJsonSchema({
      type: 'object',
      properties: { city: { type: 'string' }, sunny: { type: 'boolean' } },
    })
    const answer = await ask('Where?', { grammar, maxTokens: 200 })
    expect(JSON.parse(answer)).toEqual({ city: TINY_TEXT, sunny: false })
  })

  it('calls a tool and answers with its result', async () => {
    const calls: unknown[] = []
    const getWeather = {
      description: 'The weather',
      params: { type: 'object', properties: { city: { type: 'string' } } },
      handler: (parameters: unknown): string => {
        calls.push(parameters)
        return 'sunny'
      },
    }
    const options = { functions: { getWeather }, maxTokens: 200 }
    expect(await ask('How is the weather?', options)).toBe('It is sunny there.')
    expect(calls).toEqual([{ city: TINY_TEXT }])
  })
})
