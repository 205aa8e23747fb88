import { expect, it } from 'vitest'
import { CANARY } from './fuzz/bodies.js'
import { expectAlive, expectEcho, testGateway } from './support.js'
import { KINDS, kindsIn, sendInputs } from './fuzz/run.js'

const INPUTS = 600

it(`refuses ${INPUTS} seeded inputs, still serves, and writes neither errors nor inputs`, async () => {
  const gateway = await testGateway({ args: ['--engine', 'demo', '--max-body', '256KiB'] })
  const { outcomes, fault } = await sendInputs(gateway.port, 0, INPUTS)
  expect(fault).toBeUndefined()
  expect(kindsIn(outcomes.keys())).toEqual(KINDS)
  await expectAlive(gateway)
  await expectEcho(gateway, 'still here')
  expect(gateway.log()).not.toMatch(new RegExp(`"level":50|${CANARY}`))
})
