import { testHostileInputs } from './support/hostile.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 5_000)
const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_261_128)

await testHostileInputs(INPUTS, SEED)
