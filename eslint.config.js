import eslint from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tsdoc from 'eslint-plugin-tsdoc'
import tseslint from 'typescript-eslint'

const packageSources = ['packages/*/src/**/*.ts']
/** Never published, only for tests and measurements: the rules of tests apply. */
const privatePackages = [
  'internal/testing/**/*.ts',
  'bench/**/*.ts',
  'tests/**/*.ts',
  'tools/**/*.ts',
]
const appSources = ['apps/*/src/**/*.ts']
/** Private packages that apps share and bundle: the rules of apps apply, except to the helpers of tests. */
const internalSources = ['internal/*/src/**/*.ts']
const tests = ['**/test/**/*.ts', ...privatePackages]
const configFiles = ['**/*.config.ts', '**/*.config.js', '**/vitepress.config.mjs']

/** Code that may use Node: files, sockets, the environment, and the package that talks to a TPM device. */
const nodeOnlySources = [
  'packages/crypto/src/keys/node/**/*.ts',
  'packages/transport/src/undici/**/*.ts',
  'packages/crypto/src/platform/{node,node-byte-search,node-bytes,node-json}.ts',
  'packages/crypto/src/wire-2/platform/{node,x25519/node}.ts',
  'packages/client/src/platform/{node,known-servers-file,file-lock}.ts',
  'packages/testkit/src/**/*.ts',
  'packages/tpm/src/**/*.ts',
]

const noDefaultExport = [
  {
    selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]',
    message: 'Export by name: a default export has a different name in every file that imports it.',
  },
]

const noModuleState = [
  {
    selector:
      ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
    message:
      'Modules hold no state: two copies of this package would disagree. Pass it, or use a class.',
  },
  {
    selector:
      ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration > ' +
      'VariableDeclarator > :matches(NewExpression[callee.name=/^(Weak)?(Map|Set)$/][arguments.length=0], ' +
      'ArrayExpression[elements.length=0])',
    message: 'An empty collection at module level will be filled: modules hold no state.',
  },
  {
    selector: 'PropertyDefinition[static=true][readonly=false]',
    message: 'A mutable static field is state of the module.',
  },
]

const onlyErasableSyntax = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
  { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'A module is namespace enough.' },
]

const noGetters = [
  {
    selector: 'ObjectExpression > Property[kind="get"]',
    message:
      'V8 gives each object with a getter a hidden class of its own, which holds what the getter reaches until ' +
      'the next major garbage collection. Use data, a function, or a class.',
  },
]

const noExportAll = [
  {
    selector: 'ExportAllDeclaration',
    message: 'List the exports: the public surface is written down, not the sum of the files.',
  },
]

const noNodeGlobals = [
  {
    name: 'Buffer',
    message: 'Use Uint8Array: packages run in browsers, and Buffer shares memory.',
  },
  {
    name: 'process',
    message: 'Take a parameter: packages run in browsers and read no environment.',
  },
]

/** For code that handles values of unknown shape. */
const noUnsafeRulesOff = {
  '@typescript-eslint/no-unsafe-argument': 'off',
  '@typescript-eslint/no-unsafe-assignment': 'off',
  '@typescript-eslint/no-unsafe-call': 'off',
  '@typescript-eslint/no-unsafe-member-access': 'off',
  '@typescript-eslint/no-unsafe-return': 'off',
}

const reExportsOnly = [
  {
    selector: 'Program > :not(ExportAllDeclaration, ExportNamedDeclaration[source.type="Literal"])',
    message: 'This package is a name for the client: it only re-exports.',
  },
]

export default defineConfig(
  globalIgnores(['docs-api/', '**/dist/', '**/.turbo/', '.reports/', 'internal/testing/data/']),

  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-eval': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // `const { unwanted, ...rest } = object` omits a member.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      // `() => callback()` is shorter than a block and as clear.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A number in a template is unambiguous; objects, booleans and undefined stay errors.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Spreading a string gives its code points, as code for keys, flags and base64 needs.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // `process.env['NAME']` says that the name may be absent.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // `parse<T>(text): T` is how the type of data read from a file is stated.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },

  {
    files: [...packageSources, ...appSources, ...internalSources],
    plugins: { tsdoc },
    rules: {
      'tsdoc/syntax': 'error',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Predictable. Use crypto.getRandomValues.' },
      ],
      'no-restricted-syntax': [
        'error',
        ...noDefaultExport,
        ...noModuleState,
        ...onlyErasableSyntax,
        ...noGetters,
        ...noExportAll,
      ],
    },
  },
  {
    files: packageSources,
    ignores: nodeOnlySources,
    rules: {
      'no-restricted-globals': ['error', { globals: noNodeGlobals, checkGlobalObject: true }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:', message: 'Packages run in browsers: no Node modules here.' },
          ],
        },
      ],
    },
  },
  {
    files: ['packages/nomyo-js/src/**/*.ts'],
    rules: {
      // `export *` is allowed here: re-exporting the client is what this package is for.
      'no-restricted-syntax': ['error', ...noDefaultExport, ...reExportsOnly],
    },
  },

  {
    // Warnings have no other place in a browser.
    files: ['packages/client/src/platform/neutral.ts'],
    rules: { 'no-console': 'off' },
  },

  {
    // Tests run in Node only, read JSON whose shape the assertions check, and pass values that the
    // types forbid. Floating promises stay errors: such a test would prove nothing.
    files: tests,
    rules: {
      'no-console': 'off',
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      ...noUnsafeRulesOff,
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': ['error', ...noDefaultExport, ...onlyErasableSyntax],
    },
  },
  {
    // The compiler checks these too, and unlike ESLint it sees the types that JSDoc casts to.
    files: ['tools/**/*.mjs'],
    rules: {
      'no-undef': 'off',
      ...noUnsafeRulesOff,
      'no-restricted-syntax': ['error', ...noDefaultExport, ...noExportAll],
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      globals: { process: 'readonly', require: 'readonly' },
      sourceType: 'commonjs',
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Starters and configuration: JavaScript that no tsconfig lists.
    files: ['**/*.{js,mjs,cjs}'],
    ignores: ['tools/**'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly' } },
  },
  {
    // Programs of readers, whose dependencies are not installed here: `tests/examples` compiles them.
    files: ['examples/**'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    // Tools load the default export of their configuration.
    files: configFiles,
    rules: { 'no-restricted-syntax': 'off' },
  },
)
