import { testBitFlips } from './support/bit-flips.js'

testBitFlips(37)
