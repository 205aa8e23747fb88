import { cp, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { startProgram, type Program } from '@nomyo-internal/testing/program'
import { inject } from 'vitest'

/** An example, in a folder where its imports resolve. */
export interface Example {
  readonly folder: string
  /**
   * Starts a script of its package.json, which is one command, as `npm run` does.
   *
   * @param env - its environment, beside the path
   * @param words - added to it, as those after `npm run … --`
   */
  run(script: string, env?: Readonly<Record<string, string>>, words?: readonly string[]): Program
}

/** Examples cannot be run without a network. */
export const isInstalled = inject('home') !== undefined

/** Copies a folder of `examples/` to where the packed packages and its dependencies are installed. */
export async function copyExample(name: string): Promise<Example> {
  const home = inject('home') ?? ''
  const folder = join(home, name)
  await cp(join(import.meta.dirname, '../../examples', name), folder, {
    recursive: true,
    filter: (path) => !path.endsWith('node_modules'),
  })
  const { scripts } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const folders = [home, join(home, '..')].map((parent) => join(parent, 'node_modules/.bin'))
  const path = [...folders, process.env['PATH']].join(delimiter)
  return {
    folder,
    run: (script, env = {}, words = []) => {
      const command = scripts[script]
      if (command === undefined) throw new Error(`${name} has no script ${script}`)
      return startProgram('sh', ['-c', `exec ${command} "$@"`, 'sh', ...words], {
        cwd: folder,
        env: { PATH: path, ...env },
        asGroup: true,
      })
    },
  }
}
