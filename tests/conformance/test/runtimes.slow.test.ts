import { describe, expect, it } from 'vitest'
import { RUNTIMES, runRuntimes } from '../src/run-runtimes.js'

/** Runtimes to run, such as `node20,bun`. Default: all. */
const wanted = process.env['NOMYO_RUNTIMES']?.split(',')
const runtimes = RUNTIMES.filter(({ id }) => wanted?.includes(id) ?? true)

/** In CI, no runtime is missing unnoticed. */
const isCi = process.env['CI'] === 'true'

describe.each(await runRuntimes(runtimes))('$title', (result) => {
  const { outcomes, runtime, missing, crash } = result
  if (missing !== undefined && !(isCi && runtime.isRequired)) {
    it.skip(`does not run: ${missing}`, () => {})
    return
  }
  it('runs every suite', () => expect(crash ?? missing).toBeUndefined())
  it.each(outcomes)('$suite: $name', ({ error }) => expect(error).toBeNull())
})
