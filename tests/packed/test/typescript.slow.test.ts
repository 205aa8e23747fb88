import { copyFile, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { run, subpaths } from '../run.js'

const project = inject('everything')
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const EVERY_SUBPATH = subpaths
  .map(
    (name, index) =>
      `import * as m${index} from '${name}'\nexport const n${index}: object = m${index}\n`,
  )
  .join('')

const RIGHT = `
import { appraise, pinnedAk, requireTier, type AttestationResult } from '@nomyo/attest'
import { generateKeyPair, openJson, sealJson, type KeyPair } from '@nomyo/crypto'
import { SecurityError } from '@nomyo/crypto/errors'
import { startTestGateway } from '@nomyo/testkit'
import { createHttpTransport, parseBaseUrl, type Transport } from '@nomyo/transport'
import { RateLimitError, SecureChatCompletion, type ChatCompletion } from 'nomyo-js'

export async function chat(): Promise<string | null | undefined> {
  const gateway = await startTestGateway({ answer: ({ model }) => model })
  const client = new SecureChatCompletion({ baseUrl: gateway.url, allowHttp: true })
  const completion: ChatCompletion = await client.create({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
  return completion.choices[0].message.content
}
export async function seal(): Promise<unknown> {
  const keys: KeyPair = await generateKeyPair()
  return (await openJson(await sealJson({ a: 1 }, keys.publicKey), keys.privateKey)).value
}
export async function verify(evidence: unknown): Promise<AttestationResult> {
  const result = await appraise(evidence, {
    nonce: { payloadId: 'id', mode: 'sha256' },
    requiredPcrs: 'sha256:0',
    trust: [pinnedAk(new Uint8Array(34))],
  })
  requireTier(result, 'affirming')
  return result
}
export const transport: Transport = createHttpTransport({ baseUrl: parseBaseUrl('https://a.example') })
export const waits = (error: unknown): number | undefined =>
  error instanceof RateLimitError ? error.retryAfterMs : error instanceof SecurityError ? 0 : undefined
`

/** One mistake a line, with what the compiler must say of it. */
const WRONG: readonly [code: string, line: string][] = [
  ['TS2561', `new SecureChatCompletion({ baseURL: 'https://a.example' })`],
  ['TS2322', `new SecureChatCompletion({ timeout: '10s' })`],
  ['TS2345', `void client.create({ messages: [] })`],
  ['TS2345', `void sealJson({}, privateKey)`],
  [
    'TS2345',
    `void appraise({}, { nonce: { payloadId: 'id', mode: 'sha256' }, requiredPcrs: 'sha256:0' })`,
  ],
  ['TS2307', `import '@nomyo/crypto/wire-v1'`],
  ['TS2305', `import { sessionOf } from '@nomyo/client'`],
  [
    'TS2561',
    `void client.create({ model: 'm', messages: [{ role: 'user', content: 'x' }], temprature: 1 })`,
  ],
]

const DECLARED = `
import { appraise } from '@nomyo/attest'
import { sealJson, type PrivateKey } from '@nomyo/crypto'
import { SecureChatCompletion } from 'nomyo-js'
declare const client: SecureChatCompletion, privateKey: PrivateKey
`

describe.each([
  { name: 'node16', module: 'node16', moduleResolution: 'node16', extension: 'mts' },
  { name: 'bundler', module: 'esnext', moduleResolution: 'bundler', extension: 'ts' },
  {
    name: 'nodenext, of CommonJS',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    extension: 'cts',
  },
])('with the module resolution $name', ({ name, module, moduleResolution, extension }) => {
  const folder = join(project, `types-${name.replaceAll(/\W/g, '-')}`)

  it('right use of every public subpath compiles, and wrong use does not', async () => {
    const wrong = DECLARED + WRONG.map(([, line]) => line).join('\n')
    const output = await compile({ right: EVERY_SUBPATH + RIGHT, wrong })
    const first = DECLARED.split('\n').length
    const found = [...output.matchAll(/^(.*)\.\w+\((\d+),\d+\): error (TS\d+)/gm)].map(
      ([, file, line, code]) => [file, Number(line) - first, code],
    )
    expect(found).toEqual(WRONG.map(([code], line) => ['wrong', line, code]))
  })

  async function compile(programs: Record<string, string>): Promise<string> {
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2022', 'dom', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      // Types of packages are the same in all three: checked once.
      skipLibCheck: name !== 'node16',
      noUncheckedSideEffectImports: true,
      noEmit: true,
    }
    await mkdir(folder)
    for (const [file, text] of Object.entries(programs)) {
      await writeFile(join(folder, `${file}.${extension}`), text)
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    return (await run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], folder)).output
  }
})

describe.each(['openai', 'openai-latest'])('with the types of %s', (openai) => {
  it.each([
    { compiler: 'the compiler of the workspace', path: tsc },
    {
      compiler: 'the oldest compiler',
      path: join(project, 'node_modules/typescript-oldest/bin/tsc'),
    },
  ])('requests, answers and messages are interchangeable for $compiler', async ({ path }) => {
    const folder = await mkdtemp(join(project, 'types-'))
    const test = join(import.meta.dirname, '../../../packages/client/test/types')
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await copyFile(join(test, 'openai.test-d.ts'), join(folder, 'openai.test-d.ts'))
    const config = {
      extends: join(test, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(project, 'node_modules/@types')],
        paths: { openai: [join(project, 'node_modules', openai)] },
      },
      include: ['*.test-d.ts'],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { exitCode, output } = await run(process.execPath, [path, '-p', '.'], folder)
    expect(output).toBe('')
    expect(exitCode).toBe(0)
  })
})
