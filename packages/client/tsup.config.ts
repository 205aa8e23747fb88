import { defineConfig } from 'tsup'
import { packageBuild } from '../../tsup.base.js'

export default defineConfig({
  ...packageBuild({
    index: 'src/index.ts',
    'openai-fetch': 'src/openai-fetch/index.ts',
    'gateway-api': 'src/gateway-api/index.ts',
    // Node only.
    'known-servers': 'src/platform/known-servers-file.ts',
    // Chosen by the `imports` of package.json, per runtime; no public subpaths.
    'platform-node': 'src/platform/node.ts',
    'platform-neutral': 'src/platform/neutral.ts',
  }),
  external: [/^node:/, '#platform'],
})
