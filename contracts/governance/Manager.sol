// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// OpenZeppelin's AccessManager holds the roles over `Parameters`. Imported so that it is compiled and shipped with ours.
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
