import { faults } from '@nomyo/testkit'
import { describe, it } from 'vitest'
import { APIConnectionError } from '../../src/index.js'
import { expectRecovery, expectRetried } from './expected-errors.js'

describe.each([faults.hang(), faults.slowBody({ bytesPerSecond: 20 })])('$name', (fault) => {
  it('is retried at its deadline, encrypted anew', () =>
    expectRetried([fault, APIConnectionError, 'ERR_TIMEOUT'], 1000))

  it('ends with the fault', () => expectRecovery(fault, 1000))
})
