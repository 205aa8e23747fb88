import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readMarkdown, type Block } from '../../../tools/docs/markdown.js'
import { installedFor } from '../installed.js'
import { run, startGateway } from '../run.js'

const ROOT = join(import.meta.dirname, '../../..')
const folder = await mkdtemp(join(tmpdir(), 'nomyo-guide-'))
afterAll(() => rm(folder, { recursive: true }))

/** Plain npm projects, each with the tarballs that one guide packs. */
const client = join(folder, 'client')
const operator = join(folder, 'operator')
const blocks: Record<string, Block[]> = {}

beforeAll(async () => {
  await Promise.all([
    follow('getting-started', client, []),
    follow('operators', operator, ['--engine-strict']),
  ])
})

it('getting started installs the client, the packages that it needs, and nothing else', async () => {
  expect(await packedBy(client)).toEqual([
    'nomyo-attest',
    'nomyo-client',
    'nomyo-crypto',
    'nomyo-js',
    'nomyo-transport',
  ])
  const names = installedFor(client, ['nomyo-js']).map(({ manifest }) => manifest.name)
  const all = (await readdir(join(client, 'node_modules'), { recursive: true })).filter((path) =>
    /^(?:@[\w-]+\/)?[\w-]+\/package\.json$/.test(path),
  )
  expect(all.map((path) => path.replace('/package.json', '')).sort()).toEqual(names.sort())
  expect(names).toEqual([
    '@noble/ciphers',
    '@noble/curves',
    '@noble/hashes',
    '@noble/post-quantum',
    '@nomyo/attest',
    '@nomyo/client',
    '@nomyo/crypto',
    '@nomyo/transport',
    'nomyo-js',
    'undici',
  ])
})

it('the operator packs the gateway, the packages that it needs, and nothing else', async () => {
  expect(await packedBy(operator)).toEqual([
    'nomyo-attest',
    'nomyo-client',
    'nomyo-crypto',
    'nomyo-gateway',
    'nomyo-tpm',
    'nomyo-transport',
    'nomyo-web',
  ])
})

it('the first program of the guide that names a gateway gets an answer from that of the other', async () => {
  const gateway = await startGateway(operator, [])
  try {
    const program = blocks['getting-started']?.find(
      ({ language, code }) => language === 'ts' && code.includes('http://localhost:12435'),
    )
    const code = program!.code.replace('http://localhost:12435', gateway.url)
    await writeFile(join(client, 'chat.mjs'), code)
    const { exitCode, output } = await run(process.execPath, ['chat.mjs'], client)
    expect([exitCode, output.split('\n')]).toEqual([0, expect.arrayContaining(['Hello!'])])
  } finally {
    await gateway.stop()
  }
})

/** Names of the tarballs, without their versions. */
async function packedBy(project: string): Promise<string[]> {
  const names = await readdir(join(project, 'packed'))
  return names.map((name) => name.replace(/-\d.*\.tgz$/, '')).sort()
}

/** Runs the line of a guide that packs, and installs the tarballs in a plain project. */
async function follow(guide: string, project: string, flags: readonly string[]): Promise<void> {
  const path = join(ROOT, `docs/${guide}.md`)
  blocks[guide] = readMarkdown(guide, await readFile(path, 'utf8')).blocks
  const lines = blocks[guide].flatMap(({ code }) => code.split('\n'))
  const pack = lines.find((line) => line.includes('--pack-destination'))!
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "private": true }')
  const packed = await run(
    'sh',
    ['-ec', pack.replace('$PWD', project).replace(/^npx --yes pnpm@\S+/, 'pnpm')],
    ROOT,
  )
  expect(packed).toMatchObject({ exitCode: 0 })
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...flags]
  const install = `npm install ${quietly.join(' ')} ./packed/*.tgz`
  expect(await run('sh', ['-ec', install], project)).toMatchObject({ exitCode: 0 })
}
