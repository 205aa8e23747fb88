import { defineConfig } from 'tsup'
import { packageBuild } from '../../tsup.base.js'

export default defineConfig({
  ...packageBuild({
    index: 'src/index.ts',
    envelope: 'src/envelope/index.ts',
    keys: 'src/keys/index.ts',
    'keys-node': 'src/keys/node/index.ts',
    errors: 'src/errors.ts',
    // Chosen by the `imports` of package.json, per runtime; no public subpaths.
    'platform-node': 'src/platform/node.ts',
    'platform-neutral': 'src/platform/neutral.ts',
  }),
  external: [/^node:/, '#crypto-platform'],
})
