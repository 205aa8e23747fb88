// Forwards bytes to another port of this machine with a delay, and counts requests. Runs in a process of
// its own, so that its work slows down neither end.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { countRequests } from './count-requests.js'

/** Counts since the start. */
export interface RelayCounts {
  readonly connections: number
  /** HTTP requests, by their heads. */
  readonly requests: number
}

/** Input of the relay. */
export interface RelayInput {
  readonly port: number
  /** In each direction. */
  readonly delayMs: number
}

const { port: target, delayMs } = JSON.parse(process.argv[2] ?? '') as RelayInput
let connections = 0
let requests = 0
const server = createServer({ noDelay: true, allowHalfOpen: true }, (caller) => {
  connections++
  const callee = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const seen = countRequests()
  caller.on('data', (part: Buffer) => (requests += seen(part)))
  carry(caller, callee)
  carry(callee, caller)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
process.on('message', () => {
  process.send?.({ connections, requests } satisfies RelayCounts)
})
process.once('disconnect', () => process.exit())

/** Forwards bytes in order: timers of one length fire in the order in which they are set. */
function carry(from: Socket, to: Socket): void {
  const later = (act: () => void): void => {
    if (delayMs === 0) act()
    else setTimeout(act, delayMs)
  }
  from.on('data', (part: Buffer) => later(() => to.write(part)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy())
}
