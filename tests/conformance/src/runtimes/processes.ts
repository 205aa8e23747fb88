import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { packageFolder } from '../package-folder.js'
import type { Outcome } from '../suites/case.js'
import { install } from './install.js'
import { TIME_LIMIT_MS, type Runtime, type Surroundings } from './runtime.js'

/** Runtimes with files and processes, which resolve the packages in `node_modules` themselves. */
export const processRuntimes: readonly Runtime[] = [
  ...['node20', 'node22', 'node24', 'node26'].map((id) => processRuntime(id, 'Node', 'bin/node')),
  processRuntime('bun', 'Bun', 'bin/bun', () => ['--no-install']),
  processRuntime('deno', 'Deno', 'deno', (folder) => [
    ...['run', '--no-prompt', '--no-config', '--node-modules-dir=manual', '--cached-only'],
    ...[
      '--allow-net=127.0.0.1',
      '--allow-env',
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
    ],
  ]),
]

function processRuntime(
  id: string,
  name: string,
  executable: string,
  flags: (folder: string) => string[] = () => [],
): Runtime {
  return {
    id,
    name,
    isRequired: true,
    prepare: async () => {
      const { version, folder } = await install(id)
      return {
        version,
        run: (surroundings) =>
          run(join(folder, executable), flags(surroundings.folder), surroundings),
      }
    },
  }
}

async function run(
  executable: string,
  flags: readonly string[],
  { settings, folder }: Surroundings,
): Promise<readonly Outcome[]> {
  const [settingsPath, outcomesPath] = [
    join(folder, 'settings.json'),
    join(folder, 'outcomes.json'),
  ]
  await writeFile(settingsPath, JSON.stringify(settings))
  const adapter = join(packageFolder, 'dist/process.js')
  const child = spawn(executable, [...flags, adapter, settingsPath, outcomesPath, folder], {
    cwd: packageFolder,
    // The libraries read the environment: it is empty but for what the runtime needs.
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_LIMIT_MS,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4000)))
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`ended with ${code ?? signal}: ${output.trim()}`)
  return JSON.parse(await readFile(outcomesPath, 'utf8')) as Outcome[]
}
