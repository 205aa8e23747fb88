import { join } from 'node:path'
import process from 'node:process'
import { installPinned, Unavailable } from './install-locked.js'

/**
 * Installs the pinned `node-llama-cpp` with its build for CPUs into the cache, 85 MB, once. Where it
 * cannot be had, it says so in one line; in CI, it fails instead.
 *
 * @returns a folder that has it in `node_modules`, or undefined where it cannot be had
 */
export async function installedNodeLlamaCpp(): Promise<string | undefined> {
  try {
    const platform = `${process.platform} ${process.arch}`
    if (platform !== 'linux x64') {
      throw new Unavailable(`pinned for Linux on x64 only, this is ${platform}`)
    }
    const pins = join(import.meta.dirname, '../../data/node-llama-cpp')
    return await installPinned(pins, 'node-llama-cpp', 'node_modules/node-llama-cpp')
  } catch (error) {
    if (process.env['CI'] === 'true' || !(error instanceof Unavailable)) throw error
    console.log(`the engine with a model inside is not tested: ${error.message}`)
    return undefined
  }
}
