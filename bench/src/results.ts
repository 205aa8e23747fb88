import type { AppraisalResult } from './appraisal.js'
import type { BundleResult } from './bundles.js'
import type { CallResult } from './call/call.js'
import type { ColdResult } from './cold/cold.js'
import type { GatewayResult } from './gateway/gateway.js'
import type { MemoryResult } from './memory/memory.js'
import type { SealResult } from './seal/seal.js'

/** Results of a run; sections that were not selected are absent. */
export interface Results {
  readonly seal?: SealResult
  readonly call?: CallResult
  readonly cold?: ColdResult
  readonly memory?: MemoryResult
  readonly gateway?: GatewayResult
  readonly appraisal?: AppraisalResult
  readonly bundles?: BundleResult
}

/** The sections, in the order of measurement and display. */
export const SECTIONS = [
  'seal',
  'call',
  'cold',
  'memory',
  'gateway',
  'appraisal',
  'bundles',
] as const
export type Section = (typeof SECTIONS)[number]
