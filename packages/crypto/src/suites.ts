import type { Suite } from './suite.js'
import { wireV1 } from './wire-v1/suite.js'

/** The suite new keys are made for, and PEM files are read as. */
export const defaultSuite: Suite = wireV1
