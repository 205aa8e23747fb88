// Forwards bytes to another port of this machine with a delay, and counts requests. Runs in a process of
// its own, so that its work slows down neither end.
import { connect, createServer, type Socket } from 'node:net'
import { childInput, serveFromChild } from '../harness/child-process.js'
import { countRequests } from './count-requests.js'

/** Counts since the start; HTTP requests by their heads. */
export type RelayCounts = Readonly<Record<'requests' | 'connections', number>>

/** Input of the relay; the delay applies to each direction. */
export interface RelayInput {
  readonly port: number
  readonly delayMs: number
}

const { port, delayMs } = childInput<RelayInput>()
const counts = { connections: 0, requests: 0 } satisfies RelayCounts
const server = createServer({ noDelay: true, allowHalfOpen: true }, (caller) => {
  counts.connections++
  const callee = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const seen = countRequests()
  caller.on('data', (part: Buffer) => (counts.requests += seen(part)))
  carry(caller, callee)
  carry(callee, caller)
})
await serveFromChild(server)
process.on('message', () => process.send?.(counts))

/** Forwards bytes in order: timers of one length fire in the order in which they are set. */
function carry(from: Socket, to: Socket): void {
  from.on('data', (part: Buffer) => setTimeout(() => to.write(part), delayMs))
  from.on('end', () => setTimeout(() => to.end(), delayMs))
  from.on('error', () => to.destroy())
}
