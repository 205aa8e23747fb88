import { join } from 'node:path'
import { startGatewayProcess, type GatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { startProgram } from '@nomyo-internal/testing/program'
import { publicSubpaths, readPublished } from '../../tools/workspace.mjs'

/** Everything that is published. */
export const members = readPublished(join(import.meta.dirname, '../..'))

/** Every public module, by the name under which it is imported. */
export const subpaths = members.flatMap(({ manifest }) =>
  publicSubpaths(manifest).map(([subpath]) => manifest.name + subpath.slice(1)),
)

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ exitCode: number | null; output: string }> {
  const { code, stdout, stderr } = await startProgram(program, args, { cwd }).ended
  return { exitCode: code, output: (stdout + stderr).trim() }
}

/** Starts the command `nomyo-gateway` of a project. */
export const startGateway = (project: string, args: readonly string[]): Promise<GatewayProcess> =>
  startGatewayProcess({
    command: [join(project, 'node_modules/.bin/nomyo-gateway')],
    args: ['--engine', 'demo', ...args],
    cwd: project,
  })
