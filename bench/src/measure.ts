import { measureAppraisal } from './appraisal.js'
import { measureBundles } from './bundles.js'
import { measureCalls } from './call/call.js'
import { measureSdk } from './call/sdk.js'
import { measureCold } from './cold/cold.js'
import { measurePrograms } from './cold/programs.js'
import { measureExchange } from './exchange/exchange.js'
import { measureFairness } from './fairness.js'
import { measureGateway } from './gateway/gateway.js'
import { runChild } from './harness/child-process.js'
import type { Stoppable } from './harness/run-context.js'
import { measureMemory } from './memory/memory.js'
import { measureScaling } from './scaling/scaling.js'
import { measureSeal } from './seal/seal.js'
import { measureStreams } from './stream/stream.js'

/** The sections, in the order of measurement and display. */
const MEASUREMENTS = {
  seal: measureSeal,
  exchange: measureExchange,
  call: measureCalls,
  sdk: measureSdk,
  cold: measureCold,
  programs: measurePrograms,
  memory: measureMemory,
  gateway: measureGateway,
  fairness: measureFairness,
  stream: measureStreams,
  scaling: measureScaling,
  appraisal: measureAppraisal,
  bundles: measureBundles,
}

export type Section = keyof typeof MEASUREMENTS
export const SECTIONS = Object.keys(MEASUREMENTS) as Section[]

/** Result of a section. */
export type Result<Name extends Section> = Awaited<ReturnType<(typeof MEASUREMENTS)[Name]>>

/** Results of a run; sections that were not selected are absent. */
export type Results = { readonly [Name in Section]?: Result<Name> }

/** Input of the process of a section. */
export interface SectionInput {
  readonly section: Section
  readonly quick: boolean
}

/**
 * Measures the given sections one after the other, each in a process of its own: what another one has left
 * in the heap, and how V8 has compiled the code for it, would change the numbers. Progress goes to stderr.
 */
export async function measure(
  only: readonly Section[],
  quick: boolean,
): Promise<{
  readonly results: Results
  readonly sectionSeconds: Readonly<Partial<Record<Section, number>>>
}> {
  const results: Partial<Record<Section, unknown>> = {}
  const sectionSeconds: Partial<Record<Section, number>> = {}
  for (const section of only) {
    const startedAt = performance.now()
    results[section] = await runChild('section-child', { section, quick } satisfies SectionInput)
    sectionSeconds[section] = (performance.now() - startedAt) / 1000
  }
  return { results: results as Results, sectionSeconds }
}

/** Measures a section in this process. */
export async function measureSection({ section, quick }: SectionInput): Promise<unknown> {
  const started: Stoppable[] = []
  try {
    return await MEASUREMENTS[section]({
      quick,
      progress: (what) => process.stderr.write(`measuring ${what}\n`),
      stopLater: (resource) => {
        started.push(resource)
        return resource
      },
    })
  } finally {
    for (const resource of started.reverse()) await resource.stop()
  }
}
