import { isInstalled } from '@nomyo-internal/testing'

/** Says once, and not in each file, what is left out. */
export function setup(): void {
  if (!isInstalled('swtpm')) {
    console.info('live TPM tests skipped: no swtpm (Debian: apt-get install swtpm swtpm-tools)')
  }
}
