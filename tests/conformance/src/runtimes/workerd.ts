import { spawn, type ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Outcome } from '../suites/case.js'
import { bundle } from './bundle.js'
import { install } from './install.js'
import { TIME_LIMIT_MS, type Runtime, type Surroundings } from './runtime.js'

/** The runtime of Cloudflare Workers, on its own. */
export const workerd: Runtime = {
  id: 'workerd',
  name: 'workerd',
  isRequired: true,
  prepare: async () => {
    const { version, folder } = await install('workerd')
    return { version, run: (surroundings) => run(join(folder, 'bin/workerd'), surroundings) }
  },
}

/**
 * Without compatibility with Node, and allowed to connect to this machine only. The date is the first
 * on which `fetch` knows `cache: "no-store"`.
 */
const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      compatibilityDate = "2024-11-11",
    )),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`

async function run(
  executable: string,
  { settings, folder }: Surroundings,
): Promise<readonly Outcome[]> {
  await writeFile(
    join(folder, 'worker.js'),
    await bundle('worker.js', ['workerd', 'worker', 'browser']),
  )
  await writeFile(join(folder, 'config.capnp'), CONFIG)
  const child = spawn(executable, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (output = (output + text).slice(-4000)))
  try {
    const response = await fetch(`http://127.0.0.1:${await portOf(child)}/`, {
      method: 'POST',
      body: JSON.stringify(settings),
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    })
    if (response.status !== 200) throw new Error(`answered with ${response.status}`)
    return (await response.json()) as Outcome[]
  } catch (error) {
    throw new Error(`${String(error)} ${output.trim()}`, { cause: error })
  } finally {
    child.kill()
  }
}

/** Reads the port from its control channel. */
async function portOf(child: ChildProcess): Promise<number> {
  let text = ''
  for await (const part of child.stdio[3] as Readable) {
    text += String(part)
    const port = /"port":(\d+)/.exec(text)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('did not start')
}
