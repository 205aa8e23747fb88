import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startProgram } from '@nomyo-internal/testing/program'
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
  const worker = await bundle('worker.js', ['workerd', 'worker', 'browser'])
  await writeFile(join(folder, 'worker.js'), worker)
  await writeFile(join(folder, 'config.capnp'), CONFIG)
  const program = startProgram(executable, ['serve', 'config.capnp', '--control-fd=1'], {
    cwd: folder,
  })
  try {
    const response = await fetch(`http://127.0.0.1:${await program.prints(/"port":(\d+)/)}/`, {
      method: 'POST',
      body: JSON.stringify(settings),
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    })
    if (response.status !== 200) throw new Error(`answered with ${response.status}`)
    return (await response.json()) as Outcome[]
  } catch (error) {
    throw new Error(`${String(error)} ${program.stderr().slice(-4000).trim()}`, { cause: error })
  } finally {
    await program.stop()
  }
}
