import { execFile, type ExecFileException } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
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
  const settingsPath = join(folder, 'settings.json')
  const outcomesPath = join(folder, 'outcomes.json')
  await writeFile(settingsPath, JSON.stringify(settings))
  const adapter = join(packageFolder, 'dist/process.js')
  const options = {
    cwd: packageFolder,
    // The libraries read the environment: it is empty but for what the runtime needs.
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, NO_COLOR: '1' },
    timeout: TIME_LIMIT_MS,
  }
  const child = [...flags, adapter, settingsPath, outcomesPath, folder]
  try {
    await promisify(execFile)(executable, child, options)
  } catch (error) {
    const { code, signal, stdout, stderr } = error as ExecFileException
    const output = `${stdout}${stderr}`.slice(-4000).trim()
    throw new Error(`ended with ${code ?? signal}: ${output}`, { cause: error })
  }
  return JSON.parse(await readFile(outcomesPath, 'utf8')) as Outcome[]
}
