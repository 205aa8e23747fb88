import { expect, it } from 'vitest'
import { compareWithOracle } from './parse-differential.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 100_000)
const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_261_121)

it(`reads as JSON.parse does: ${INPUTS} inputs`, { timeout: 600_000 }, async () => {
  const outcomes = await compareWithOracle(INPUTS, SEED)
  console.info('inputs by outcome:', outcomes)
  // Of each kind there are many, or nothing was compared.
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(INPUTS / 200)
})
