import { swtpmFound } from '@nomyo/test-vectors/swtpm'

/** Says once, and not in each file, what is left out. */
export function setup(): void {
  if (!swtpmFound) {
    console.info('live TPM tests skipped: no swtpm (Debian: apt-get install swtpm swtpm-tools)')
  }
}
