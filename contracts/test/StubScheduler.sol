// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IScheduler} from "../interfaces/IScheduler.sol";
import {Draw, JobTerms} from "../types/JobTypes.sol";

/// @title StubScheduler
/// @notice Test double: says what it was told to say.
contract StubScheduler is IScheduler {
    address public immutable BOARD;
    bool public may = true;
    uint128 public price;

    constructor(address board) {
        BOARD = board;
    }

    function set(bool may_, uint128 price_) external {
        (may, price) = (may_, price_);
    }

    function quote(JobTerms calldata, Draw calldata, address, uint40) external view returns (bool, uint128) {
        return (may, price);
    }
}
