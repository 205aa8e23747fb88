import { join } from 'node:path'
import { build } from 'esbuild'
import { packageFolder } from '../package-folder.js'

/**
 * An adapter and the built packages as one module. A Node module anywhere in it is an error.
 *
 * @param conditions - of package.json `exports` and `imports`, as the runtime's own tools set them
 */
export async function bundle(adapter: string, conditions: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(packageFolder, 'dist', adapter)],
    bundle: true,
    write: false,
    format: 'esm',
    // Not `browser`, which would add that condition and field unasked.
    platform: 'neutral',
    mainFields: [],
    conditions: [...conditions],
    target: 'es2022',
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}
