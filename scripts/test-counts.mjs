// Prints `N passed, N failed` from the JSON report that vitest wrote; exits with 1 when there is none, or it tells of failures.
import { existsSync, readFileSync } from "node:fs";
import { argv, exit } from "node:process";

const reportFile = argv[2] ?? ".reports/vitest.json";
if (!existsSync(reportFile)) {
  console.log("vitest wrote no report: it did not run to its end");
  console.log("0 passed, 0 failed");
  exit(1);
}
/** @type {{ success: boolean, numPassedTests: number, numFailedTests: number, testResults: TestFile[] }} */
const report = JSON.parse(readFileSync(reportFile, "utf8"));
/** @typedef {{ status: string, assertionResults: { status: string }[] }} TestFile */

// A file that cannot be loaded, or whose set-up throws, fails without a single failed test: it counts as one.
const brokenFiles = report.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
);
const failedCount = report.numFailedTests + brokenFiles.length;
console.log(`${report.numPassedTests} passed, ${failedCount} failed`);
exit(report.success && failedCount === 0 ? 0 : 1);
