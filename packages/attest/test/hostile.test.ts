import { testHostileInputs } from './support/hostile.js'

await testHostileInputs(1000, 20_261_128)
