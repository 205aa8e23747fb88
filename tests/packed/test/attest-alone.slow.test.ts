import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quoteVectors, type QuoteVector } from '@nomyo-internal/testing/vectors'
import { beforeAll, expect, inject, it } from 'vitest'
import { readMarkdown } from '../../../tools/docs/markdown.js'
import { run } from '../run.js'

const project = inject('attestOnly')
const README = join(import.meta.dirname, '../../../packages/attest/README.md')

beforeAll(async () => {
  const { blocks } = readMarkdown('README.md', await readFile(README, 'utf8'))
  const program = blocks.find(({ savedAs }) => savedAs === 'appraise.mjs')?.code.trim() ?? ''
  expect(program.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(10)
  await writeFile(join(project, 'appraise.mjs'), program)
})

it('has only @nomyo/attest and its dependencies installed', async () => {
  const modules = join(project, 'node_modules')
  const names = (await readdir(modules)).filter((name) => !name.startsWith('.'))
  expect(names.sort()).toEqual(['@noble', '@nomyo'])
  expect(await readdir(join(modules, '@nomyo'))).toEqual(['attest'])
})

it.each([
  { name: 'pos-pinned-ak', tier: 'warning', failed: 0 },
  { name: 'neg-ak-not-pinned', tier: 'contraindicated', failed: 2 },
  { name: 'neg-bitflip-signature', tier: 'contraindicated', failed: 1 },
])('the ten lines of the README appraise $name', async ({ name, tier, failed }) => {
  const vector = quoteVectors().find((candidate) => candidate.name === name)!
  await save(vector)
  const { exitCode, output } = await run(process.execPath, ['appraise.mjs'], project)
  const lines = output.split('\n')
  expect([exitCode, lines.at(-1)]).toEqual([0, tier])
  expect(lines.length).toBeGreaterThan(15)
  expect(lines.filter((line) => line.includes(' fail '))).toHaveLength(failed)
})

/** Saves the response as a user has it, and a policy that pins the trusted key of the vectors. */
async function save({ payload_id, tpm_attestation }: QuoteVector): Promise<void> {
  const pinned = quoteVectors().find(({ name }) => name === 'pos-pinned-ak')?.policy?.ak_name
  const answer = { choices: [], _metadata: { payload_id, tpm_attestation } }
  const policy = {
    format: 'nomyo-attestation-policy/1',
    requiredPcrs: 'sha256:0,7',
    trust: [{ pinnedAk: pinned }],
  }
  await writeFile(join(project, 'answer.json'), JSON.stringify(answer))
  await writeFile(join(project, 'policy.json'), JSON.stringify(policy))
}
