import { join } from 'node:path'
import process from 'node:process'
import { Unavailable, installPinned } from '@nomyo-internal/testing/install-locked'

/** The folder of this member. */
export const memberFolder = join(import.meta.dirname, '..')

/** The folder that is checked. */
export const deployFolder = join(memberFolder, '../../deploy')

/**
 * A folder in which the packages of `validators/package.json` are installed: schemas that their projects
 * publish, and a program with Helm in it. None where they cannot be downloaded; in CI, that is an error.
 */
export const validators = await findValidators()

async function findValidators(): Promise<string | undefined> {
  try {
    const pins = join(memberFolder, 'validators')
    return await installPinned(pins, 'deploy', 'node_modules/kubernetes-models')
  } catch (error) {
    if (process.env['CI'] === 'true' || !(error instanceof Unavailable)) throw error
    console.log(`deploy/ is not validated: ${error.message}`)
    return undefined
  }
}
