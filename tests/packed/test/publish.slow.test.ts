import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProgram } from '@nomyo-internal/testing/program'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { run } from '../run.js'

const WORKFLOW = join(import.meta.dirname, '../../../.github/workflows/release.yml')
const folder = await mkdtemp(join(tmpdir(), 'nomyo-publish-'))
const packed = join(folder, 'packed')
/** A registry that has one of the two packages already. */
const published: string[] = []
const registry = createServer((request, response) => {
  const name = decodeURIComponent(request.url ?? '').slice(1)
  request.resume()
  if (request.method === 'PUT') published.push(name)
  const known = {
    name,
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name, version: '1.0.0' } },
  }
  const isKnown = request.method === 'PUT' || name === '@example/old'
  response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(isKnown ? known : { error: 'not found' }))
})
const script = await publishScript()

beforeAll(async () => {
  await new Promise<Server>(
    (resolve) => void registry.listen(0, '127.0.0.1', () => resolve(registry)),
  )
  await mkdir(packed)
  for (const name of ['old', 'new']) {
    const source = join(folder, name)
    await mkdir(source)
    const manifest = { name: `@example/${name}`, version: '1.0.0' }
    await writeFile(join(source, 'package.json'), JSON.stringify(manifest))
    await run('npm', ['pack', '--pack-destination', packed], source)
  }
  await writeFile(join(packed, 'sbom.cdx.json'), '{}')
})
afterAll(async () => {
  registry.close()
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  published.length = 0
  const names = ['example-new-1.0.0.tgz', 'example-old-1.0.0.tgz', 'sbom.cdx.json']
  const lines = await Promise.all(
    names.map(async (name) => {
      const hash = createHash('sha256').update(await readFile(join(packed, name)))
      return `${hash.digest('hex')}  ${name}\n`
    }),
  )
  await writeFile(join(packed, 'SHA256SUMS'), lines.join(''))
})

it('the release workflow publishes what the registry does not have', async () => {
  expect(await publish()).toBe(0)
  expect(published).toEqual(['@example/new'])
})

it('publishes nothing where a tarball has changed', async () => {
  await writeFile(join(packed, 'example-old-1.0.0.tgz'), 'changed')
  expect(await publish()).not.toBe(0)
  expect(published).toEqual([])
})

/** Runs the step as a runner does: bash, which ends at the first error. */
async function publish(): Promise<number | null> {
  const url = `127.0.0.1:${(registry.address() as AddressInfo).port}/`
  await writeFile(
    join(folder, '.npmrc'),
    `registry=http://${url}\n//${url}:_authToken=token\naccess=public\n`,
  )
  const env = { NPM_CONFIG_USERCONFIG: join(folder, '.npmrc') }
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script]
  return (await startProgram('bash', args, { cwd: folder, env }).ended).code
}

async function publishScript(): Promise<string> {
  const { jobs } = parse(await readFile(WORKFLOW, 'utf8')) as {
    jobs: { npm: { steps: { run?: string }[] } }
  }
  return jobs.npm.steps.find((step) => step.run?.includes('npm publish'))?.run ?? 'false'
}
