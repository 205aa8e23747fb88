import { availableParallelism } from 'node:os'
import { describeDebugger } from '@nomyo-internal/http-server'
import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import type { Check } from '../check.js'

/** Threads of libuv, unless the environment sets another number. */
const DEFAULT_THREADS = 4
const FASTER_NODE = 24

/** Checks the version of Node, and how much of the machine it uses. */
export const runtimeCheck: Check = {
  name: 'runtime',
  run: () => Promise.resolve([checkNode(), checkThreads(), ...checkDebugger()]),
}

function checkNode(): Finding {
  const { node, openssl } = process.versions
  const message = `Node ${node}, OpenSSL ${openssl}`
  if (Number.parseInt(node) >= FASTER_NODE) return ok(message)
  return ok(
    `${message}; on processors with AVX-512-IFMA, Node ${FASTER_NODE} decrypts requests of wire 1 about 2.7 times as fast`,
  )
}

function checkDebugger(): readonly Finding[] {
  const notice = describeDebugger()
  return notice === undefined ? [] : [problem(notice, 'remove --inspect from NODE_OPTIONS')]
}

function checkThreads(): Finding {
  const cores = availableParallelism()
  const configured = Number(process.env['UV_THREADPOOL_SIZE'])
  const threads = configured >= 1 ? configured : DEFAULT_THREADS
  const message = `${count(threads, 'thread')} for ${count(cores, 'core')}`
  if (threads >= cores) return ok(message)
  return warning(
    `${message}: some cores stay idle during decryption`,
    `set UV_THREADPOOL_SIZE=${cores + 1} in the environment, or leave it unset`,
  )
}

const count = (number: number, noun: string): string =>
  `${number} ${noun}${number === 1 ? '' : 's'}`
