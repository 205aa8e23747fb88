import { symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGateway } from '@nomyo/gateway'
import {
  shared,
  startGateway,
  startProgram,
  startScriptedModel,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { Unavailable, installPinned } from '@nomyo-internal/testing/install-locked'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { packageFolder } from '../src/package-folder.js'
import { install } from '../src/runtimes/install.js'

const sdks = join(packageFolder, 'sdks')
const model = shared(startScriptedModel)
const gateway = shared(() =>
  startGateway(createGateway, {
    apiKeys: ['the-key-of-the-sdk'],
    engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined },
  }),
)

/** A Node that is new enough for all of them, and the folder of their modules. */
async function prepare() {
  const manifest = await readFile(join(sdks, 'package.json'), 'utf8')
  const { dependencies } = JSON.parse(manifest) as { dependencies: object }
  const home = await installPinned(sdks, 'sdks', 'node_modules/openai')
  return {
    node: join((await install('node24')).folder, 'bin/node'),
    modules: join(home, 'node_modules'),
    names: Object.keys(dependencies),
  }
}

/** In CI, they are not missing unnoticed. */
const isCi = process.env['CI'] === 'true'
const { node, modules, names } = await prepare().catch((error: unknown) => {
  if (isCi || !(error instanceof Unavailable)) throw error
  console.log(`SDKs are not tested: ${error.message}`)
  return { node: undefined, modules: '', names: [] }
})

/** Runs the cases of one SDK in a process; imports of the SDK can lead to another version of it. */
async function run(
  name: string,
  versions: Record<string, string> = {},
): Promise<Record<string, string>> {
  const folder = temporaryFolder()
  symlinkSync(modules, join(folder, 'node_modules'))
  await build({
    entryPoints: [join(sdks, `${name}.mjs`)],
    outfile: join(folder, 'main.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    // Ours are inside; SDKs are loaded from the folder.
    external: names,
    alias: versions,
    // For undici, which is CommonJS.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
    },
  })
  const file = join(folder, 'outcomes.json')
  const options = JSON.stringify({ baseUrl: gateway().url, allowHttp: true })
  const { code, stdout, stderr } = await startProgram(node ?? '', ['main.mjs', options, file], {
    cwd: folder,
  }).ended
  expect(code, stdout + stderr).toBe(0)
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, string>
}

/** The other versions of the modules of one generation of the AI SDK. */
const generation = (ai: number, openai: number, compatible: number): Record<string, string> => ({
  ai: `ai-${ai}`,
  '@ai-sdk/openai': `@ai-sdk/openai-${openai}`,
  '@ai-sdk/openai-compatible': `@ai-sdk/openai-compatible-${compatible}`,
})

/** Outcomes other than "works": the errors that programs see. */
const ofOpenAI = {
  'an unknown model': 'NotFoundError 404 model_not_found',
  'a stream that is lost': 'APIConnectionError ERR_TRUNCATED',
  'a stream that ends early': 'APIError upstream_failed',
  'a stream that fails': 'APIError oom',
  files: 'NotFoundError 404 ERR_ROUTE',
}
const ofAiSdk = (errorClass: string) => ({
  'an unknown model': 'APICallError 404 model_not_found',
  'a stream that is lost': 'APICallError 200 ERR_TRUNCATED',
  'a stream that ends early': `${errorClass} upstream_failed`,
  'a stream that fails': `${errorClass} oom`,
  // It refers to items of the first answer, which no server keeps: `store: false` is needed.
  'createOpenAI: responses, the second turn': 'APICallError 400 invalid_value',
})
const UNKNOWN = 'NotFoundError 404 model_not_found'
const LOST = 'APIConnectionError ERR_TRUNCATED'

it.skipIf(node === undefined).each([
  { sdk: 'openai 7', name: 'openai', cases: 18, errors: ofOpenAI },
  { sdk: 'openai 7, AzureOpenAI', name: 'azure', cases: 18, errors: ofOpenAI },
  {
    sdk: 'AI SDK 5',
    name: 'ai-sdk',
    versions: generation(5, 2, 1),
    cases: 23,
    errors: {
      ...ofAiSdk('Object'),
      'createOpenAI: responses, streamed for a tool': 'APICallError 400 invalid_value',
    },
  },
  {
    sdk: 'AI SDK 6',
    name: 'ai-sdk',
    versions: generation(6, 3, 2),
    cases: 23,
    errors: ofAiSdk('Object'),
  },
  { sdk: 'AI SDK 7', name: 'ai-sdk', cases: 23, errors: ofAiSdk('StreamProviderError') },
  {
    sdk: 'OpenAI Agents',
    name: 'agents',
    cases: 12,
    errors: {
      'responses: an unknown model': UNKNOWN,
      'responses: a stream that is lost': LOST,
      'chat: an unknown model': UNKNOWN,
      'chat: a stream that is lost': LOST,
    },
  },
  {
    sdk: 'LlamaIndex',
    name: 'llamaindex',
    cases: 8,
    errors: { 'an unknown model': UNKNOWN, 'a stream that is lost': LOST },
  },
  {
    sdk: 'Instructor',
    name: 'instructor',
    cases: 6,
    errors: { 'TOOLS: an unknown model': UNKNOWN, 'JSON_SCHEMA: an unknown model': UNKNOWN },
  },
])(
  '$sdk works over wire 2, or ends with a clear error',
  async ({ name, cases, errors, ...how }) => {
    const outcomes = await run(name, how.versions)
    const others = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'works')
    expect(Object.fromEntries(others)).toEqual(errors)
    expect(Object.keys(outcomes)).toHaveLength(cases)
  },
)
