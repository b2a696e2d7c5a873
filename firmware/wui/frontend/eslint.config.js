// What eslint looks for in the pages: what is wrong, not how it looks. tests/browser/test_lint.py runs it.

import js from "@eslint/js";

/** What a browser has; what is missing here is no name of these pages. */
const BROWSER = `AbortController Blob DataView File Intl Map Promise ResizeObserver Set TextDecoder TextEncoder URLSearchParams Uint8Array
WebSocket XMLHttpRequest addEventListener clearInterval clearTimeout console document fetch getComputedStyle location matchMedia navigator
performance removeEventListener requestAnimationFrame setInterval setTimeout`.split(/\s+/);
const NODE = ["process"];
const globals = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "consistent-return": "error",
      "default-case-last": "error",
      eqeqeq: "error",
      "no-console": ["error", { allow: ["error"] }],
      "no-constructor-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "off",
      "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }, { object: "document", property: "write" }],
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      radix: "error",
    },
  },
  { files: ["src/**/*.js"], languageOptions: { globals: globals(BROWSER) } },
  { files: ["*.mjs", "*.js"], languageOptions: { globals: globals(NODE) } },
];
