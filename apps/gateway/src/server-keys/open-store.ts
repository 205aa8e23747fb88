import type { KeyConfig } from '../config.js'
import type { Notice } from '../notice.js'
import { createFolderStore } from './folder-store.js'
import type { KeyStore } from './key-store.js'
import { readPasswordFile } from './password.js'

/**
 * The keys of a folder.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD` when the password cannot be read
 */
export async function openFolderStore(
  folder: string,
  keys: KeyConfig,
  notice: Notice,
): Promise<KeyStore> {
  const password =
    keys.passwordFile === undefined ? keys.password : await readPasswordFile(keys.passwordFile)
  return createFolderStore({ folder, password, notice })
}
