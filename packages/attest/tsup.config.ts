import { defineConfig } from 'tsup'
import { packageBuild } from '../../tsup.base.js'

export default defineConfig(
  packageBuild({
    index: 'src/index.ts',
    structures: 'src/structures/index.ts',
    x509: 'src/x509/index.ts',
    certify: 'src/certify/index.ts',
    'policy-file': 'src/policy-file/index.ts',
    receipt: 'src/receipt/index.ts',
    credential: 'src/credential/index.ts',
    eventlog: 'src/eventlog/index.ts',
    ima: 'src/ima/index.ts',
    errors: 'src/errors.ts',
  }),
)
