import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sealJson } from '@nomyo/crypto'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { post, serverKeys, testGatewayProcess } from './support.js'

/** Niceness of this process, which others inherit. */
const PRIORITY = getPriority()
/** The thread that decapsulates, where Node does not: it lowers its own priority. */
const DECAPSULATING = Number(process.versions.node.split('.')[0]) < 24 ? 1 : 0
const BIN = fileURLToPath(new URL('../bin/nomyo-gateway.cjs', import.meta.url))

/** Starts what is installed as `nomyo-gateway`, behind some words of the command line. */
const startInstalled = (before = '', env: Readonly<Record<string, string>> = {}) =>
  testGatewayProcess({
    within: `shift 2; exec ${before} '${process.execPath}' '${BIN}' "$@"`,
    env: { UV_THREADPOOL_SIZE: '3', ...env },
  })

/** Niceness of every thread of a process: proc(5), the 19th field of `stat`. */
function nicenessOf(pid: number): { eventLoop: number; others: number[] } {
  const nice = (thread: string): number => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    // The second field, a name in brackets, may hold blanks.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  }
  const others = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== String(pid))
  return { eventLoop: nice(String(pid)), others: others.map(nice) }
}

describe.skipIf(process.platform !== 'linux')('threads of the installed command', () => {
  it.each([
    ['by 5', '', PRIORITY, Math.min(PRIORITY + 5, 19)],
    ['no further than there is', `nice -n ${17 - PRIORITY}`, 17, 19],
  ])('give way to the event loop, %s', async (_, before, eventLoop, nicer) => {
    const gateway = await startInstalled(before)
    const found = nicenessOf(gateway.pid)
    expect(found.eventLoop).toBe(eventLoop)
    expect(found.others.filter((nice) => nice === nicer)).toHaveLength(3 + DECAPSULATING)
    expect(found.others.filter((nice) => nice !== nicer && nice !== eventLoop)).toEqual([])
  })

  it('answer where they may not', async () => {
    const folder = temporaryFolder()
    const denied = join(folder, 'denied.cjs')
    await writeFile(denied, `require('node:os').setPriority = () => { throw new Error('EACCES') }`)
    const gateway = await startInstalled('', { NODE_OPTIONS: `--require=${denied}` })
    const { others } = nicenessOf(gateway.pid)
    expect(others.filter((nice) => nice !== PRIORITY)).toHaveLength(DECAPSULATING)
    const message = { role: 'user', content: 'Hello!' }
    const body = await sealJson({ model: 'nomyo/echo', messages: [message] }, serverKeys.publicKey)
    expect((await post(gateway, body)).status).toBe(200)
  })
})
