import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shared } from '@nomyo-internal/testing'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { members, run, startGateway, subpaths } from '../run.js'

const project = inject('everything')
const commands = members.flatMap(({ manifest: { bin = {} } }) => Object.keys(bin))

const CHAT = `
  const client = new SecureChatCompletion({ baseUrl: process.argv[2], allowHttp: true })
  const messages = [{ role: 'user', content: 'Hello from a plain project.' }]
  client.create({ model: 'nomyo/echo', messages }).then(({ choices, _metadata }) => {
    console.log(choices[0].message.content, _metadata.is_encrypted)
    client.dispose()
  })`

describe.each([
  { kind: 'module', header: `import { SecureChatCompletion } from 'nomyo-js'` },
  { kind: 'commonjs', header: `const { SecureChatCompletion } = require('nomyo-js')` },
])('a project of type $kind', ({ kind, header }) => {
  const folder = join(project, kind)
  const gateway = shared(() => startGateway(project, []))
  beforeAll(async () => {
    await mkdir(folder)
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: kind }))
  })

  it('chats, and nothing is printed beside the answer', async () => {
    await writeFile(join(folder, 'chat.js'), header + CHAT)
    const { exitCode, output } = await run(process.execPath, ['chat.js', gateway().url], folder)
    const [answer, ...more] = output.split('\n').filter((line) => !line.includes('allowHttp'))
    expect([exitCode, answer]).toEqual([0, 'Hello from a plain project. true'])
    expect(more.filter((line) => line.includes('ExperimentalWarning'))).toEqual([])
  })

  it('loads every public subpath', async () => {
    const load = kind === 'module' ? 'await import' : 'require'
    const lines = subpaths.map((name) => `console.log(Object.keys(${load}('${name}')).length > 0)`)
    await writeFile(join(folder, 'load.js'), lines.join('\n'))
    const { exitCode, output } = await run(process.execPath, ['load.js'], folder)
    expect([exitCode, output]).toEqual([0, subpaths.map(() => 'true').join('\n')])
  })

  it.each(['@nomyo/crypto/dist/index.js', '@nomyo/crypto/src/index.ts', '@nomyo/client/platform'])(
    'cannot load %s',
    async (name) => {
      await writeFile(
        join(folder, 'inside.js'),
        kind === 'module' ? `import '${name}'` : `require('${name}')`,
      )
      const { exitCode, output } = await run(process.execPath, ['inside.js'], folder)
      expect([exitCode, /ERR_\w+/.exec(output)?.[0]]).toEqual([1, 'ERR_PACKAGE_PATH_NOT_EXPORTED'])
    },
  )
})

it.each(commands)('the command %s starts', async (command) => {
  const { exitCode } = await run(join(project, 'node_modules/.bin', command), ['--help'], project)
  expect(exitCode).toBe(0)
})

it('the gateway names the packages that traces need, and starts without them otherwise', async () => {
  const start = ['--engine', 'demo', '--port', '0', '--otlp-endpoint', 'http://127.0.0.1:4318']
  const gateway = join(project, 'node_modules/.bin/nomyo-gateway')
  const { exitCode, output } = await run(gateway, start, project)
  expect(exitCode).toBe(1)
  expect(output).toContain('ERR_TRACING')
  expect(output).toContain('npm install --global @opentelemetry/api@')
})

it('a stack trace points into the sources', async () => {
  const text = `import { parseBaseUrl } from '@nomyo/transport'\nparseBaseUrl('nowhere')`
  await writeFile(join(project, 'throws.mjs'), text)
  const { output } = await run(process.execPath, ['--enable-source-maps', 'throws.mjs'], project)
  expect(output).toMatch(/^InvalidRequestError: .*\n +at .*transport\/src\/endpoint\.ts:\d+/m)
})

it('states which Node it needs, and is published with provenance', () => {
  for (const { manifest } of members) {
    expect(manifest.engines).toEqual({ node: '>=20.19' })
    expect(manifest.publishConfig).toEqual({ access: 'public', provenance: true })
  }
})
