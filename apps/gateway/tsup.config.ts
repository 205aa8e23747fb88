import { defineConfig } from 'tsup'
import { appBuild } from '../../tsup.base.js'

export default defineConfig(
  appBuild({ index: 'src/index.ts', main: 'src/main.ts' }, { index: 'src/index.ts' }),
)
